import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Directory, readFile } from "../src/disk.js";
import { StorageError } from "../src/errors.js";
import { memoryDisk } from "../src/memory-disk.js";
import { type RecoveryOptions, type RecoveryResult, recover } from "../src/recover.js";
import { SnapshotWriter } from "../src/snapshot-writer.js";
import { ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, sealEntry } from "../src/wal-format.js";
import { WalWriter } from "../src/wal-writer.js";

export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "durability-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A small random source with a seed, for tests that print it. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The same for campaigns (sfc32): so many states that the numbers of a million seeds do not overlap. */
export function wideRandom(seed: number): () => number {
  let a = 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = seed | 0;
  let counter = 1;
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

/** The payload of a sequence in these tests: a text of varying length that names it. */
export function payloadOf(sequence: number): string {
  return `entry ${sequence} `.padEnd(10 + ((sequence * 37) % 90), "x");
}

/** A sealed entry. */
export function entry(sequence: number, lag: number, generation: number, payload = payloadOf(sequence)): Uint8Array {
  const bytes = new Uint8Array(payload.length + ENTRY_OVERHEAD_BYTES);
  Buffer.from(bytes.buffer).write(payload, ENTRY_HEADER_BYTES, "latin1");
  sealEntry(bytes, 0, payload.length, sequence, 1_700_000_000_000 + sequence, 1 + (sequence % 10), lag, generation);
  return bytes;
}

export const GENERATION = 0xdead_beef;

/** Appends entries `from..to`, each written knowing that all but the `lag` before it are synced. */
export function append(writer: WalWriter, from: number, to: number, lag = 1): void {
  for (let sequence = from; sequence <= to; sequence++) {
    const bytes = entry(sequence, Math.min(lag, sequence), writer.generation);
    writer.write(bytes, 0, bytes.length);
  }
}

export function startLog(dir: Directory, firstSequence = 1, segmentNumber = 1, generation = GENERATION): WalWriter {
  return WalWriter.create(dir, { generation, firstSequence, segmentNumber, now: () => 1_700_000_000_000 });
}

/** A snapshot of these tests: three sections, whose entries are texts. */
export async function writeSnapshot(dir: Directory, createdMs: number, stamps: readonly number[]): Promise<string> {
  const writer = SnapshotWriter.create(dir, createdMs);
  for (const [id, stamp] of stamps.entries()) {
    writer.addSection(id, stamp, 2, [Buffer.from(`shard ${id} `), Buffer.from(`at ${stamp}`)]);
  }
  writer.finish({ stamps: [...stamps] });
  const published = await writer.publish(() => {});
  return published.name;
}

/** One of 80 MB: ten sections, each of which says its name all through. So large that another thread checks it. */
export async function writeLargeSnapshot(dir: Directory, createdMs: number, stamp: number): Promise<string> {
  const writer = SnapshotWriter.create(dir, createdMs);
  for (let id = 0; id < 10; id++) writer.addSection(id, stamp, 1, [Buffer.alloc(8_000_000, `section ${id} `)]);
  writer.finish({ large: true });
  return (await writer.publish(() => {})).name;
}

/** What recovery delivered. */
export interface Recovered {
  readonly sections: string[];
  readonly entries: number[];
  readonly metadata: unknown;
  readonly log: string[];
  readonly result: RecoveryResult;
}

/** Recovers and checks that every entry carries what was written under its sequence. */
export async function recovered(where: string | Directory, options: Partial<RecoveryOptions> = {}): Promise<Recovered> {
  const sections: string[] = [];
  const entries: number[] = [];
  const log: string[] = [];
  let metadata: unknown = null;
  const result = await recover(where, {
    mode: "torn-tail",
    now: () => 1_800_000_000_000,
    onMetadata: (document) => {
      metadata = document;
    },
    beginSection: () => {},
    onSnapshotEntries: (_id, bytes, off, len) => {
      sections.push(Buffer.from(bytes.slice(off, off + len)).toString());
    },
    onEntry: (opType, sequence, timestampMs, bytes, off, len) => {
      const payload = Buffer.from(bytes.buffer, bytes.byteOffset + off, len).toString("latin1");
      if (payload !== payloadOf(sequence) || opType !== 1 + (sequence % 10)) throw new Error(`wrong value ${sequence}`);
      if (timestampMs !== 1_700_000_000_000 + sequence) throw new Error(`wrong time ${sequence}`);
      entries.push(sequence);
    },
    log: (_level, message) => log.push(message),
    ...options,
  });
  return { sections, entries, metadata, log, result };
}

/** The StorageError that recovery refuses with. */
export async function refusal(
  where: string | Directory,
  options: Partial<RecoveryOptions> = {},
): Promise<StorageError> {
  try {
    await recovered(where, options);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error("recovery did not refuse");
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

/** A directory in memory with these files. */
export function directoryWith(files: Readonly<Record<string, Uint8Array>>): Directory {
  const dir = memoryDisk();
  for (const [name, bytes] of Object.entries(files)) {
    const fd = dir.open(name, "create");
    dir.write(fd, bytes, 0, bytes.length);
    dir.close(fd);
  }
  return dir;
}

export function filesOf(dir: Directory): Record<string, Uint8Array> {
  return Object.fromEntries(dir.list().map((name) => [name, readFile(dir, name)]));
}

/** `dir` with some operations replaced; the replacements may call the real ones. */
export function intercepted(dir: Directory, replaced: (real: Directory) => Partial<Directory>): Directory {
  const overrides: Partial<Directory> = replaced(dir);
  return new Proxy(dir, {
    get(target, key) {
      if (key in overrides) return Reflect.get(overrides, key);
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Takes at most a few bytes at a time, as a disk that runs full does. */
export function shortWrites(dir: Directory, random: () => number): Directory {
  const some = (len: number) => Math.max(1, Math.floor(len * random()));
  return intercepted(dir, (real) => ({
    write: (fd, buffer, off, len) => real.write(fd, buffer, off, some(len)),
    pwrite: (fd, buffer, off, len, position) => real.pwrite(fd, buffer, off, some(len), position),
    pread: (fd, buffer, off, len, position) => real.pread(fd, buffer, off, some(len), position),
  }));
}

/** Names of the operations that change or sync something, with the file they concern, in order. */
export function recorded(dir: Directory, operations: string[]): Directory {
  const names = new Map<number, string>();
  return intercepted(dir, (real) => ({
    open: (name, mode) => {
      const fd = real.open(name, mode);
      names.set(fd, name);
      if (mode !== "read") operations.push(`open ${name}`);
      return fd;
    },
    write: (fd, buffer, off, len) => {
      operations.push(`write ${names.get(fd)}`);
      return real.write(fd, buffer, off, len);
    },
    pwrite: (fd, buffer, off, len, position) => {
      operations.push(`pwrite ${names.get(fd)}`);
      return real.pwrite(fd, buffer, off, len, position);
    },
    fdatasync: (fd) => {
      operations.push(`fdatasync ${names.get(fd)}`);
      real.fdatasync(fd);
    },
    fdatasyncAsync: async (fd) => {
      operations.push(`fdatasync ${names.get(fd)}`);
      await real.fdatasyncAsync(fd);
    },
    truncate: (fd, length) => {
      operations.push(`truncate ${names.get(fd)}`);
      real.truncate(fd, length);
    },
    rename: (from, to) => {
      operations.push(`rename ${from} ${to}`);
      real.rename(from, to);
    },
    unlink: (name) => {
      real.unlink(name);
      operations.push(`unlink ${name}`);
    },
    syncDirectory: () => {
      operations.push("fsync directory");
      real.syncDirectory();
    },
  }));
}

export function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
