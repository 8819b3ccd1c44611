/** What the tests of this folder share: opening persistence over a fresh directory, and reading back what the log holds. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recover } from "@hearthkv/durability";
import { Keyspace } from "@hearthkv/engine";
import { openPersistence } from "../../src/persistence/index.js";
import type { LogPersistence } from "../../src/persistence/log-persistence.js";
import type { PersistenceLogger, PersistenceOptions } from "../../src/persistence/persistence.js";

export const quiet: PersistenceLogger = { info: () => {}, warn: () => {}, error: () => {} };

export interface Opened {
  readonly path: string;
  readonly keyspace: Keyspace;
  readonly persistence: LogPersistence;
  /** Messages of the logger, all levels. */
  readonly messages: string[];
}

const made: string[] = [];

/** A directory that removeDirectories() takes away. */
export function freshDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "hearthkv-persistence-"));
  made.push(path);
  return path;
}

export function removeDirectories(): void {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
}

export async function openAt(path: string, options: Partial<PersistenceOptions> = {}): Promise<Opened> {
  const messages: string[] = [];
  const note = (_fields: object, message: string): void => {
    messages.push(message);
  };
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  const persistence = openPersistence(
    path,
    {
      snapshotIntervalS: 0,
      snapshotOps: 0,
      snapshotWalBytes: 0,
      onFatal: (error) => {
        throw error;
      },
      ...options,
    },
    keyspace,
    { info: note, warn: note, error: note },
  );
  await persistence.load();
  return { path, keyspace, persistence, messages };
}

export interface LogEntry {
  readonly op: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Everything in the log of a closed directory. */
export async function readLog(path: string): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  await recover(path, {
    mode: "strict",
    onMetadata: () => {},
    beginSection: () => {},
    onSnapshotEntries: () => {},
    onEntry: (op, sequence, _timestampMs, bytes, off, len) => {
      entries.push({ op, sequence, payload: Buffer.from(bytes.subarray(off, off + len)) });
    },
  });
  return entries;
}

/** Numbers from 0 to 1, the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 120_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error("waited too long");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function set(keyspace: Keyspace, key: string, value: string): void {
  const k = Buffer.from(key, "latin1");
  const v = Buffer.from(value, "latin1");
  keyspace.db(0).strings.set(k, 0, k.length, v, 0, v.length, 0);
}
