import { join } from "node:path";
import {
  type Directory,
  type DirectoryLock,
  fileNames,
  type LockOwner,
  loadOrOweManifest,
  lockDirectory,
  realDisk,
  StorageError,
  syncsDirectories,
} from "@hearthkv/durability";

/** What to do where the system does not let us use the directory. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "It, and all in it, must belong to the user that runs the server",
  EPERM: "It, and all in it, must belong to the user that runs the server",
  ENOENT: "The system makes no directory there: choose another one",
  EEXIST: "Something else than a directory has that name: choose another one",
  ENOTDIR: "Something else than a directory is in its path: choose another one",
  EROFS: "It must be on a file system that can be written",
  ENOSPC: "The disk has no room for another file: make some",
};

/** A locked data directory whose hash seed is known. */
export interface DataDirectory {
  readonly path: string;
  /** Its files; once the lock is lost nothing is changed in it any more. */
  readonly disk: Directory;
  readonly lock: DirectoryLock;
  /** 8 bytes: its keyspace's. */
  readonly hashSeed: Uint8Array;
  /** A full disk had no room for the manifest: it must be there before the first segment. */
  readonly owesManifest: boolean;
  /** What its file system lacks, for the log. */
  readonly warnings: readonly string[];
  /** Gives it back. */
  release(): void;
}

/**
 * Makes (mode 0700), locks and identifies a data directory. Takes up to ten seconds, of which `tell` is told, where LOCK names an owner of which
 * nothing tells whether it lives; `signal` ends that. Throws durability's StorageError: locked, missing-manifest, corrupt-manifest, newer-format, io;
 * and the signal's reason.
 */
export async function openDataDirectory(
  path: string,
  tell: (message: string) => void = () => {},
  signal?: AbortSignal,
): Promise<DataDirectory> {
  try {
    return await open(path, tell, signal);
  } catch (error) {
    throw withAdvice(path, error);
  }
}

async function open(
  path: string,
  tell: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<DataDirectory> {
  const lock = await lockDirectory(path, { signal, onWatch: (owner, ms) => tell(watching(owner, ms)) });
  const disk = lock.guard(realDisk(path));
  try {
    const { hashSeed, isOwed } = loadOrOweManifest(disk);
    return {
      ...{ path, disk, lock, hashSeed },
      owesManifest: isOwed,
      warnings: [...(syncsDirectories(path) ? [] : [NO_DIRECTORY_SYNC]), ...redisLeftAside(path, disk)],
      release: () => lock.release(),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What redis-server leaves in its folder. */
const REDIS_FILES = ["appendonlydir", "appendonly.aof", "dump.rdb"];

const NO_DIRECTORY_SYNC =
  "the file system of the data directory cannot sync directories: when the power fails it may forget the newest files, and what was synced in them";

/** Whoever serves on a directory of redis-server expects its data: where there is none of ours, says how to get it. */
function redisLeftAside(path: string, disk: Directory): string[] {
  const found = REDIS_FILES.filter((name) => disk.exists(name));
  if (found.length === 0) return [];
  const names = disk.list();
  if (fileNames.segmentNames(names).length > 0 || fileNames.snapshotNames(names).length > 0) return [];
  const how = found.includes("appendonlydir")
    ? `hearthkv import ${join(path, "appendonlydir", "appendonly.aof.manifest")} NEW-DIRECTORY`
    : found.includes("appendonly.aof")
      ? `hearthkv import ${join(path, "appendonly.aof")} NEW-DIRECTORY`
      : "hearthkv import, from the append-only file that redis-server writes of it (CONFIG SET appendonly yes)";
  return [
    `the data directory has no data of HearthKV, and ${found.join(" and ")} of redis-server, which is not read: to serve that, make a directory of it with ` +
      `${how}. A file of Redis that begins with a snapshot must be written without one first (CONFIG SET aof-use-rdb-preamble no, BGREWRITEAOF)`,
  ];
}

function watching(owner: LockOwner | null, ms: number): string {
  const who = owner === null ? "somebody whom it does not name" : `process ${owner.pid} on ${owner.host}`;
  return `LOCK belongs to ${who}, of which nothing tells whether it lives: watching for ${ms / 1000} s whether it touches LOCK`;
}

function withAdvice(path: string, error: unknown): unknown {
  const errno = error instanceof StorageError ? error.errno : (error as NodeJS.ErrnoException).code;
  const hint = ADVICE[errno ?? ""];
  if (!(error instanceof Error) || hint === undefined) return error;
  return new StorageError("io", `cannot use the data directory ${path}: ${error.message}`, {
    ...{ errno, hint, cause: error },
  });
}
