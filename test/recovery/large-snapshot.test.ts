/**
 * A snapshot so large that it is loaded while another thread checks it: whole, its data is what the server had; damaged anywhere, what was
 * loaded of it is forgotten, and the snapshot before it and the log give the same data.
 *
 * Negative control: with recovery's `onVoid` ignored, the damaged ones give another digest.
 */
import { closeSync, openSync, readdirSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileNames } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { copyDataDirectory } from "../crash/crash-run.js";
import { printedSeed, Random } from "../crash/random.js";
import { startHearth } from "../support/index.js";
import { startOwn } from "./in-process.js";
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
  const flags = ["--snapshot-ops", "0", "--snapshot-interval-s", "0", "--enable-debug-command"];
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
  expect(statSync(newestSnapshot(server.dataDir)).size).toBeGreaterThan(PARALLEL_FROM_BYTES);
  const whole = await recovered(copyDataDirectory(server.dataDir));
  expect(whole.digest).toBe(live);
  for (let i = 0; i < DAMAGED_COPIES; i++) {
    const copy = copyDataDirectory(server.dataDir);
    damage(newestSnapshot(copy), BODY_FROM + random.next() * (1 - BODY_FROM));
    const { digest, snapshotEntries } = await recovered(copy);
    expect(digest, `copy ${i}`).toBe(live);
    // Of the snapshot before it.
    expect(snapshotEntries).toBe(whole.snapshotEntries - LARGE_VALUES - 2 * LISTS + 1);
  }
});

async function recovered(dataDir: string): Promise<{ digest: string; snapshotEntries: number }> {
  const own = await startOwn(dataDir);
  const digest = own.server.digest();
  const snapshotEntries = Number((await own.persistence()).recovery_snapshot_entries);
  await own.close();
  return { digest, snapshotEntries };
}

function newestSnapshot(dataDir: string): string {
  return join(dataDir, fileNames.snapshotNames(readdirSync(dataDir)).at(-1) as string);
}

/** Turns the bits of one byte around; `where` is its share of the file. */
function damage(path: string, where: number): void {
  const at = Math.floor(statSync(path).size * where);
  const fd = openSync(path, "r+");
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  writeSync(fd, Buffer.from([byte.readUInt8() ^ 0xff]), 0, 1, at);
  closeSync(fd);
}
