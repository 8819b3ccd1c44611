/**
 * A snapshot so large that it is loaded while another thread checks it: whole, its data is what the server had; damaged anywhere, what was
 * loaded of it is forgotten, and the snapshot before it and the log give the same data.
 *
 * Negative control: with recovery's `onVoid` ignored, the damaged ones give another digest.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyDataDirectory } from "../crash/crash-run.js";
import { printedSeed, Random } from "../crash/random.js";
import { startHearth } from "../support/index.js";
import { flipByte, namesIn, SNAPSHOTS } from "../tools/directories.js";
import { recoverOwn } from "./in-process.js";
import { fill } from "./wild-writer.js";

const LARGE_VALUES = 700;
const LARGE_BYTES = 100_000;
const LISTS = 1000;
/** From this size on recovery does it so. */
const PARALLEL_FROM_BYTES = 64 * 1024 * 1024;
/** From here on there is more than a header: what a section contains is noticed by nothing but the checksum. */
const BODY_FROM = 0.01;
const DAMAGED_COPIES = 2;

test("a large snapshot is loaded while it is checked, and forgotten when it is damaged", async () => {
  const random = new Random(printedSeed("large-snapshot"));
  const flags = [
    "--snapshot-ops",
    "0",
    "--snapshot-interval-s",
    "0",
    "--snapshot-wal-bytes",
    "0",
    "--enable-debug-command",
  ];
  const server = await startHearth({ flags });
  const client = await server.connect();
  await fill(server);
  await client.ok("SET", "gone-in-the-second", "x");
  await client.ok("SAVE");
  for (let i = 0; i < LARGE_VALUES; i++)
    await client.ok("SET", `value-${i}`, `${i}`.repeat(LARGE_BYTES).slice(0, LARGE_BYTES));
  await client.ok("DEL", "gone-in-the-second");
  // What of this would be left of the second snapshot, the log would add to once more.
  for (let i = 0; i < LISTS; i++) await client.ok("RPUSH", `list-${i}`, i);
  await client.ok("SELECT", 1);
  for (let i = 0; i < LISTS; i++) await client.ok("RPUSH", `list-${i}`, i);
  await client.ok("SAVE");
  await client.ok("SELECT", 0);
  await client.ok("RPUSH", "large-list", "behind both");
  const live = await client.ok("DEBUG", "DIGEST");
  await server.kill();
  const newest = namesIn(server.dataDir, SNAPSHOTS).at(-1) as string;
  const { size } = statSync(join(server.dataDir, newest));
  expect(size).toBeGreaterThan(PARALLEL_FROM_BYTES);
  const whole = await recoverOwn(copyDataDirectory(server.dataDir));
  expect(whole.digest).toBe(live);
  for (let i = 0; i < DAMAGED_COPIES; i++) {
    const copy = copyDataDirectory(server.dataDir);
    flipByte(copy, newest, Math.floor(size * (BODY_FROM + random.next() * (1 - BODY_FROM))));
    const { digest, snapshotEntries } = await recoverOwn(copy);
    expect(digest, `copy ${i}`).toBe(live);
    // Of the snapshot before it.
    expect(snapshotEntries).toBe(whole.snapshotEntries - LARGE_VALUES - 2 * LISTS + 1);
  }
});
