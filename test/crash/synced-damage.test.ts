/**
 * Damage to what had been synced for a second makes the start refuse, on directories as real servers leave them: bursts and trickles with pauses
 * between them, kill -9 at any moment. A bit of an entry is flipped, a sector of 512 bytes is all zeros, a segment is cut short, the one being written,
 * too: each refuses, every time. The latter is cut in its place, for the file `synced` speaks of no other.
 *
 * What had been synced is what INFO said; a second counts by its answers, of which one that was long in coming counts for little: a machine
 * that stood still has given the server no second.
 *
 * HEARTHKV_SYNCED_DAMAGE sets the number of servers killed. Controls: the same directories without their proofs, and without the file `synced`; and by hand, with
 * entries sealed with what was synced at the last turn's end (channel.ts) flips are red.
 */
import { readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Directory,
  fileNames,
  memoryDisk,
  recover,
  rehearsalDisk,
  SEGMENT_HEADER_BYTES,
  StorageError,
} from "@hearthkv/durability";
import { expect, test } from "vitest";
import { persistenceNumber } from "../faults/server-info.js";
import { launcher, type RespClient, runProcess, type ServerProcess, startHearth } from "../support/index.js";
import { copyDataDirectory } from "./crash-run.js";
import { printedSeed, Random } from "./random.js";

const ROUNDS = Number(process.env.HEARTHKV_SYNCED_DAMAGE ?? 4);
const ROUND_MS_MAX = 60_000;
const SECTOR = 512;
const PROOF = 255;
const SYNCED_MS = 1000;
const SAMPLE_MS = 30;
/** Between two answers of INFO at most this much counts as time that has passed. */
const SAMPLE_MS_MOST = 80;
const SILENCE_MS = 1600;
const LIFE_MS_LEAST = 2000;
const LIFE_MS_MOST = 5000;
/** The weakest are the last ones that had been synced; of the others some. */
const LAST_ENTRIES = 12;
const OTHER_ENTRIES = 25;

interface Entry {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly sequence: number;
  readonly isProof: boolean;
}

type Files = Readonly<Record<string, Buffer>>;

/** Writes until it is told to end, in bursts and trickles with pauses. */
async function writeUnevenly(client: RespClient, random: Random, ended: () => boolean): Promise<void> {
  let key = 0;
  const request = () => ["SET", `key:${key++}`, "v".repeat(random.pick([1, 1, 8, 8, 40, 300, 3000]))];
  while (!ended()) {
    const kind = random.next();
    if (kind < 0.4) {
      await client.pipeline(Array.from({ length: random.whole(1, 300) }, request));
    } else {
      // Some of them never leave the log quiet, and fill a sector only slowly.
      const gapMs = random.pick([1, 5, 20, 60, 120, 180, 250]);
      for (let i = random.whole(1, 25); i > 0 && !ended(); i--) {
        await client.ok(...request());
        await sleep(gapMs);
      }
    }
    if (random.next() < 0.6) await sleep(random.whole(0, 1200));
  }
}

/** Lives a random life, and is killed. Returns the sequence up to which everything had been synced for a second. */
async function liveAndDie(server: ServerProcess, random: Random, endsSilent: boolean): Promise<number> {
  const [writer, observer] = [await server.connect(), await server.connect()];
  const endMs = performance.now() + random.whole(LIFE_MS_LEAST, LIFE_MS_MOST);
  const silentFromMs = endMs - (endsSilent ? SILENCE_MS : 0);
  let ended = false;
  // Its last request dies with the server.
  const writing = writeUnevenly(writer, random, () => ended || performance.now() > silentFromMs).catch(() => {});
  const samples: { readonly atMs: number; readonly synced: number }[] = [];
  let passedMs = 0;
  for (let lastMs = performance.now(); lastMs < endMs; await sleep(SAMPLE_MS)) {
    const synced = await persistenceNumber(observer, "wal_synced_sequence");
    const nowMs = performance.now();
    passedMs += Math.min(nowMs - lastMs, SAMPLE_MS_MOST);
    lastMs = nowMs;
    samples.push({ atMs: passedMs, synced });
  }
  ended = true;
  await server.kill();
  await writing;
  observer.close();
  return samples.findLast(({ atMs }) => atMs <= passedMs - SYNCED_MS)?.synced ?? 0;
}

function filesIn(path: string): Files {
  const names = readdirSync(path).filter((name) => name.endsWith(".log") || name.endsWith(".snap"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name))]));
}

/** All entries and proofs, by the bytes of FORMAT.md. */
function entriesOf(files: Files): Entry[] {
  return fileNames.segmentNames(Object.keys(files)).flatMap((file) => {
    const bytes = files[file]!;
    const entries: Entry[] = [];
    for (let offset = SEGMENT_HEADER_BYTES; offset + 29 <= bytes.length; ) {
      const length = bytes.readUInt32LE(offset);
      if (length < 29 || offset + length > bytes.length) break;
      const sequence = Number(bytes.readBigUInt64LE(offset + 4));
      entries.push({ file, offset, bytes: length, sequence, isProof: bytes[offset + 20] === PROOF });
      offset += length;
    }
    return entries;
  });
}

/** What recovery makes of these files: up to which sequence, or its refusal. */
async function outcome(files: Files): Promise<number | StorageError> {
  const dir = memoryDisk();
  for (const [name, bytes] of Object.entries(files)) {
    const fd = dir.open(name, "create");
    dir.write(fd, bytes, 0, bytes.length);
    dir.close(fd);
  }
  return await recovery(dir);
}

async function recovery(dir: Directory): Promise<number | StorageError> {
  try {
    const nothing = () => {};
    const receiver = { onMetadata: nothing, beginSection: nothing, onSnapshotEntries: nothing, onEntry: nothing };
    return (await recover(dir, { mode: "torn-tail", ...receiver })).lastSequence;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

function changed(files: Files, file: string, change: (bytes: Buffer) => Buffer | undefined): Files {
  const copy = Buffer.from(files[file]!);
  return { ...files, [file]: change(copy) ?? copy };
}

/** What recovery would make of the directory with its last segment cut to `bytes`; and without the file `synced`. */
async function cutInPlace(dataDir: string, bytes: number): Promise<[number | StorageError, number | StorageError]> {
  const [path, claim] = [join(dataDir, fileNames.WAL_CURRENT), join(dataDir, fileNames.SYNCED)];
  const whole = readFileSync(path);
  truncateSync(path, bytes);
  try {
    const left = await recovery(rehearsalDisk(dataDir));
    renameSync(claim, `${claim}.aside`);
    const withoutClaim = await recovery(rehearsalDisk(dataDir));
    renameSync(`${claim}.aside`, claim);
    return [left, withoutClaim];
  } finally {
    writeFileSync(path, whole);
  }
}

function flipped(files: Files, { file, offset, bytes }: Entry, random: Random): Files {
  return changed(files, file, (copy) => {
    copy[offset + random.whole(0, bytes - 1)]! ^= 1 << random.whole(0, 7);
    return undefined;
  });
}

/** A sector in which some of the entry lies. */
function zeroed(files: Files, { file, offset, bytes }: Entry, random: Random): Files {
  const at = random.whole(offset, offset + bytes - 1);
  const start = at - (at % SECTOR);
  return changed(files, file, (copy) => copy.fill(0, start, Math.min(copy.length, start + SECTOR)) as Buffer);
}

function withoutProofs(files: Files, entries: readonly Entry[]): Files {
  const proofs = new Set(entries.filter(({ isProof }) => isProof));
  return Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => {
      const mine = entries.filter(({ file }) => file === name);
      const kept = mine.filter((entry) => !proofs.has(entry)).map((e) => bytes.subarray(e.offset, e.offset + e.bytes));
      return [name, mine.length === 0 ? bytes : Buffer.concat([bytes.subarray(0, SEGMENT_HEADER_BYTES), ...kept])];
    }),
  );
}

test(`${ROUNDS} killed servers: damage to what had been synced for a second`, {
  timeout: ROUNDS * ROUND_MS_MAX,
}, async () => {
  const random = new Random(printedSeed("synced damage"));
  const counts = {
    flips: 0,
    sectors: 0,
    cuts: 0,
    lastCuts: 0,
    starts: 0,
    proofs: 0,
    missedWithoutProofs: 0,
    missedWithoutClaim: 0,
  };
  for (let round = 0; round < ROUNDS; round++) {
    const flags = [
      ...["--ack", random.pick(["written", "written", "synced", "memory"])],
      ...["--fsync-interval-ms", random.pick(["100", "100", "20"])],
      ...["--wal-max-bytes", random.pick(["1gb", "1gb", "16kb"])],
    ];
    const server = await startHearth({ flags });
    // Half of them are killed after a silence: what was synced then is followed by nothing but what proves it.
    const synced = await liveAndDie(server, random, round % 2 === 0);
    const files = filesIn(server.dataDir);
    const all = entriesOf(files);
    counts.proofs += all.filter(({ isProof }) => isProof).length;
    const entries = all.filter(({ isProof, sequence }) => !isProof && sequence <= synced);
    expect(await outcome(files)).toBeGreaterThanOrEqual(synced);
    const bare = withoutProofs(files, all);
    const bareEntries = entriesOf(bare).filter(({ sequence }) => sequence <= synced);
    const what = `round ${round} (${flags.join(" ")}), synced ${synced} of ${all.at(-1)?.sequence}`;
    const others = Array.from({ length: Math.min(OTHER_ENTRIES, entries.length) }, () => random.pick(entries));
    for (const entry of [...entries.slice(-LAST_ENTRIES), ...others]) {
      for (const damage of [flipped, zeroed]) {
        const found = await outcome(damage(files, entry, random));
        expect(found, `${what}: ${damage.name} entry ${entry.sequence}`).toBeInstanceOf(StorageError);
        counts[damage === flipped ? "flips" : "sectors"]++;
      }
      const same = bareEntries.find(({ sequence }) => sequence === entry.sequence)!;
      for (const damage of [flipped, zeroed]) {
        if (!((await outcome(damage(bare, same, random))) instanceof StorageError)) counts.missedWithoutProofs++;
      }

      const cut = entry.offset + random.whole(0, entry.bytes - 1);
      const isLast = entry.file === fileNames.WAL_CURRENT;
      const [left, withoutClaim] = isLast
        ? await cutInPlace(server.dataDir, cut)
        : [await outcome(changed(files, entry.file, (bytes) => bytes.subarray(0, cut)))];
      expect(left, `${what}: cut inside entry ${entry.sequence}`).toBeInstanceOf(StorageError);
      counts[isLast ? "lastCuts" : "cuts"]++;
      // Nothing but what stood before the cut, and no refusal, but where a snapshot's stamp is above it.
      if (typeof withoutClaim === "number") {
        expect(withoutClaim).toBe(entry.sequence - 1);
        counts.missedWithoutClaim++;
      }
    }
    // And as a user meets it.
    const weakest = entries.at(-1);
    if (weakest !== undefined) {
      const copy = copyDataDirectory(server.dataDir);
      writeFileSync(join(copy, weakest.file), flipped(files, weakest, random)[weakest.file]!);
      await expectRefusal(copy);
      truncateSync(join(server.dataDir, weakest.file), weakest.offset);
      await expectRefusal(server.dataDir);
      counts.starts += 2;
    }
  }
  console.log(`synced damage: ${JSON.stringify(counts)}`);
  expect(counts.flips).toBeGreaterThan(0);
  expect(counts.starts).toBeGreaterThan(0);
  expect(counts.missedWithoutProofs).toBeGreaterThan(0);
  expect(counts.missedWithoutClaim).toBeGreaterThan(0);
});

async function expectRefusal(dataDir: string): Promise<void> {
  const serve = ["serve", "--port", "0", "--data-dir", dataDir];
  const { code, stderr } = await runProcess(process.execPath, [launcher, ...serve]);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  // A finished segment that ends with a whole entry lacks what the next one follows on.
  expect(stderr).toMatch(/^hearthkv: (the log is damaged|a part of the log is missing) \(file wal-.*hearthkv repair/);
  expect(code).toBe(1);
}
