import { appendFileSync, cpSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { realDisk } from "../src/disk.js";
import { pruneSegments } from "../src/prune.js";
import { frozenDisk, rehearsalDisk } from "../src/rehearsal-disk.js";
import { append, recovered, startLog, temporaryDirectory, writeSnapshot } from "./support.js";

/** Two segments and a snapshot; the last segment ends inside an entry, and a temporary file is left. */
async function unfinished(): Promise<string> {
  const path = temporaryDirectory();
  const dir = realDisk(path);
  const log = startLog(dir);
  append(log, 1, 20);
  await writeSnapshot(dir, 1_700_000_000_000, [5, 6, 7]);
  log.rotate(21);
  append(log, 21, 40, 10);
  log.sync();
  log.close();
  truncateSync(join(path, "wal-current.log"), log.bytes - 3);
  appendFileSync(join(path, "wal-next.tmp"), "left");
  return path;
}

function contentOf(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "latin1")]));
}

test("a rehearsed recovery delivers what a real one does, says what it would change, and changes nothing", async () => {
  const path = await unfinished();
  const before = contentOf(path);
  const rehearsal = rehearsalDisk(path);
  const rehearsed = await recovered(rehearsal);
  expect(contentOf(path)).toEqual(before);
  expect(rehearsal.changes.map(({ kind }) => kind)).toEqual(["remove", "create", "cut"]);

  const copy = temporaryDirectory();
  cpSync(path, copy, { recursive: true });
  const real = await recovered(realDisk(copy));
  expect({ ...rehearsed, result: { ...rehearsed.result, durationMs: 0 } }).toEqual({
    ...real,
    result: { ...real.result, durationMs: 0 },
  });
  const cut = rehearsal.changes.find((change) => change.kind === "cut");
  expect(contentOf(copy)["wal-current.log"]).toHaveLength(cut?.length ?? 0);
});

test("a frozen directory stays as it was while its owner writes, rotates and removes", async () => {
  const path = temporaryDirectory();
  const dir = realDisk(path);
  const log = startLog(dir);
  append(log, 1, 20);
  const frozen = frozenDisk(path);
  const before = await recovered(frozen);
  append(log, 21, 30);
  log.rotate(31);
  append(log, 31, 40);
  expect(pruneSegments(dir, 30)).toHaveLength(1);
  log.close();
  const after = await recovered(frozen);
  expect(after.entries).toEqual(before.entries);
  expect(after.result.lastSequence).toBe(20);
  expect(frozen.list()).toEqual(["wal-current.log"]);
  frozen.release();
  expect(() => frozenDisk(join(path, "none"))).toThrow("ENOENT");
});
