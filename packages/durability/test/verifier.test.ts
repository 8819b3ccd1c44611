/** The thread that checks a large snapshot cannot run: it is checked in this one, and said so. */
import { expect, test, vi } from "vitest";
import { realDisk } from "../src/disk.js";
import { append, recovered, startLog, temporaryDirectory, writeLargeSnapshot } from "./support.js";

const fault = vi.hoisted(() => ({ make: (): object => ({}) }));

vi.mock("piscina", async (original) => {
  const { Piscina } = await original<typeof import("piscina")>();
  class Faulty extends Piscina {
    constructor(options: ConstructorParameters<typeof Piscina>[0]) {
      super({ ...options, ...fault.make() } as typeof options);
    }
  }
  return { Piscina: Faulty as typeof Piscina };
});

const faults = {
  "no pool": () => {
    throw new Error("too many threads");
  },
  "a thread that ends before it begins": () => ({ execArgv: ["--require", "/nowhere/to/be/found.cjs"] }),
  "a thread that cannot load its code": () => ({ filename: "/nowhere/to/be/found.mjs" }),
};

test.each(Object.entries(faults))("%s", async (_name, make) => {
  fault.make = make;
  const path = temporaryDirectory();
  const dir = realDisk(path);
  const writer = startLog(dir);
  append(writer, 1, 10);
  writer.close();
  await writeLargeSnapshot(dir, 2000, 5);
  let voided = 0;
  const { result, sections, entries, log } = await recovered(path, { onVoid: () => voided++ });
  expect(result.snapshot).toMatchObject({ createdMs: 2000 });
  expect(sections).toHaveLength(10);
  expect(entries).toEqual([6, 7, 8, 9, 10]);
  expect(voided).toBe(0);
  expect(log.join()).toContain("no other thread could check snapshot-0000000002000.snap");
});
