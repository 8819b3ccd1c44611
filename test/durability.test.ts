/**
 * What DURABILITY.md says to do after a disaster is done: its console blocks are run line by line beside a data directory that had it. And
 * what it says about campaigns is what there is.
 */
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startOwn } from "./recovery/in-process.js";
import {
  blocksOf,
  freePort,
  launcher,
  outputPattern,
  projectRoot,
  requirePeer,
  runProcess,
  stepsOf,
  temporaryFolder,
} from "./support/index.js";
import { flipByte, namesIn, SNAPSHOTS } from "./tools/directories.js";

/** A folder with `data` in it: five orders, two snapshots before the last of them, and then no server any more. */
async function makeData(
  last: readonly string[] = ["SET", "order:5", "paid"],
): Promise<{ folder: string; data: string }> {
  const folder = temporaryFolder("disaster");
  const data = join(folder, "data");
  const own = await startOwn(data);
  for (let i = 1; i <= 5; i++) {
    await own.client.ok("SET", `order:${i}`, "paid");
    if (i === 3 || i === 4) await own.client.ok("SAVE");
  }
  await own.client.ok(...(last as [string]));
  await own.close();
  return { folder, data };
}

/** Runs the recipe in the folder; `hearthkv` is ours there. */
async function follow(heading: string, folder: string, port = 0): Promise<void> {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "hearthkv"), `#!/bin/sh\nexec ${process.execPath} ${launcher} "$@"\n`);
  chmodSync(join(bin, "hearthkv"), 0o755);
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const [block] = blocksOf("DURABILITY.md", heading);
  expect(block, heading).toBeDefined();
  for (const { command, expected } of stepsOf((block?.text ?? "").replaceAll("6380", String(port)))) {
    const { output } = await runProcess("sh", ["-c", command], { cwd: folder, env });
    expect(output, command).toMatch(outputPattern(expected));
  }
}

test.for<[string, (data: string) => void]>([
  ["### The manifest is lost", (data) => rmSync(join(data, "manifest.bson"))],
  ["### A snapshot is damaged", (data) => flipByte(data, namesIn(data, SNAPSHOTS).at(-1) as string, 300)],
  ["### The log is damaged", (data) => flipByte(data, "wal-current.log", 100)],
  ["### A backup, and back", () => {}],
])("%s", async ([heading, happen]) => {
  const { folder, data } = await makeData();
  happen(data);
  await follow(heading, folder);
  const own = await startOwn(data);
  expect(await own.client.ok("DBSIZE")).toBe(5);
  await own.close();
});

test("### Back to a point in time", async () => {
  const { folder } = await makeData(["FLUSHALL"]);
  await follow("### Back to a point in time", folder);
  const own = await startOwn(join(folder, "before"));
  expect(await own.client.ok("GET", "order:5")).toBe("paid");
  await own.close();
});

test("### To redis-server and back", async (context) => {
  requirePeer(context, "redis-server", "redis-cli");
  const { folder } = await makeData();
  await follow("### To redis-server and back", folder, await freePort());
  const own = await startOwn(join(folder, "back"));
  expect(await own.client.ok("GET", "order:5")).toBe("paid");
  await own.close();
});

test("the table of campaigns names those that there are", async () => {
  const { stdout, code } = await runProcess(process.execPath, ["test/campaign.mjs", "--list"], { cwd: projectRoot });
  expect(code).toBe(0);
  const there = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(/\s+/)[0]);
  const page = readFileSync(join(projectRoot, "DURABILITY.md"), "utf8");
  const campaigns = page.slice(page.indexOf("\n## Campaigns\n"));
  expect([...campaigns.matchAll(/^\| `([a-z0-9-]+)` +\|/gm)].map(([, name]) => name)).toEqual(there);
  expect((await runProcess(process.execPath, ["test/campaign.mjs", "nothing"], { cwd: projectRoot })).code).toBe(2);
});
