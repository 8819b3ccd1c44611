import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { errnoOf, ioError, StorageError } from "./errors.js";
import { LOCK } from "./file-names.js";

/*
 * One writer per directory, across processes and containers. LOCK is one line of JSON that names its owner.
 *
 * Taking it: the own record is written to a file of its own and hard-linked to LOCK, which fails where LOCK exists.
 * Taking over from a dead owner X: link the own record to LOCK.after-{X's token} (only one can), look again whether LOCK
 * is still X's, rename the link over LOCK. Whoever finds that link sees its owner as the holder; should that one have
 * died in between, he is succeeded in the same way, so that there is a chain with one living end at most.
 *
 * Is an owner alive? In the same pid namespace of the same boot: its pid exists and has the start time it had. On the
 * same host after another boot: no. Otherwise (another container, another host) its pid says nothing: the owner
 * touches LOCK every few seconds, and is given up after HEARTBEAT_STALE_MS without a touch. An owner that was frozen for
 * so long learns of it by `onLost`.
 */
const HEARTBEAT_MS = 5_000;
const HEARTBEAT_STALE_MS = 60_000;
const ATTEMPTS = 100;

/** Who holds a directory. */
export interface LockOwner {
  readonly pid: number;
  /** Clock ticks since boot at which the process started; null where the system does not tell. */
  readonly startTime: string | null;
  readonly host: string;
  /** Identifies the boot of the machine and the pid namespace; null where the system does not tell. */
  readonly boot: string | null;
  readonly namespace: string | null;
  readonly token: string;
  readonly sinceMs: number;
}

export interface LockOptions {
  /** Called once when another process has taken the lock: nothing may be written any more. */
  readonly onLost?: (error: StorageError) => void;
}

/** A held lock. It keeps no process alive. */
export class DirectoryLock {
  readonly owner: LockOwner;
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;

  constructor(path: string, owner: LockOwner, options: LockOptions) {
    this.#path = path;
    this.owner = owner;
    this.#timer = setInterval(() => this.#beat(options), HEARTBEAT_MS).unref();
  }

  /** Whether LOCK still names this owner. */
  isHeld(): boolean {
    return readOwner(join(this.#path, LOCK))?.token === this.owner.token;
  }

  /** Gives the lock back. Harmless where it was lost or released before. */
  release(): void {
    clearInterval(this.#timer);
    if (this.isHeld()) removeQuietly(join(this.#path, LOCK));
  }

  #beat(options: LockOptions): void {
    try {
      if (this.isHeld()) {
        const now = new Date();
        fs.utimesSync(join(this.#path, LOCK), now, now);
        return;
      }
    } catch {
      // Out of descriptors, or a disk in trouble: no sign of life this time, but no loss either.
      return;
    }
    clearInterval(this.#timer);
    options.onLost?.(new StorageError("lock-lost", "another process took the lock", { file: LOCK }));
  }
}

/**
 * Takes the lock of the directory at `path`. Throws StorageError locked, naming the holder, or io. Synchronous and
 * without waiting.
 */
export function lockDirectory(path: string, options: LockOptions = {}): DirectoryLock {
  const owner = describeSelf();
  const own = join(path, `${LOCK}.${owner.token}`);
  try {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    // Synced, since a power loss soon after would otherwise leave a LOCK without content, which keeps everybody out for a minute.
    fs.writeFileSync(own, `${JSON.stringify(owner)}\n`, { mode: 0o600, flag: "wx", flush: true });
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!tryTake(path, own)) continue;
        removeQuietly(own);
        removeLeftovers(path);
        return new DirectoryLock(path, owner, options);
      }
    } finally {
      removeQuietly(own);
    }
  } catch (error) {
    throw ioError("cannot lock the data directory", LOCK, error);
  }
  throw new StorageError("locked", "the lock changes hands all the time", { file: LOCK });
}

/** The holder of a directory as LOCK names it, dead or alive; null where there is none. */
export function readLockOwner(path: string): LockOwner | null {
  return readOwner(join(path, LOCK));
}

/** The holder of a directory where it lives, as far as can be told from here; null where nobody does. Changes nothing. */
export function livingLockOwner(path: string): LockOwner | null {
  const file = join(path, LOCK);
  const owner = readOwner(file);
  return owner !== null && isAlive(owner, file) ? owner : null;
}

/** One attempt. False: the situation changed meanwhile, look again. */
function tryTake(path: string, own: string): boolean {
  const lock = join(path, LOCK);
  if (linkIfFree(own, lock)) return true;
  const first = readOwner(lock);
  if (first === null) return replaceUnreadable(lock, own);
  let last = { owner: first, file: lock };
  const links: string[] = [];
  for (;;) {
    const link = join(path, `${LOCK}.after-${last.owner.token}`);
    links.push(link);
    const successor = readOwner(link);
    if (successor === null) break;
    last = { owner: successor, file: link };
  }
  if (isAlive(last.owner, last.file)) throw heldBy(last.owner);
  const mine = links.at(-1)!;
  if (!linkIfFree(own, mine)) return false;
  if (readOwner(lock)?.token !== first.token) {
    removeQuietly(mine);
    return false;
  }
  fs.renameSync(mine, lock);
  for (const link of links) removeQuietly(link);
  return true;
}

/**
 * Removes the records of those who died while they took the lock. One who lives, or whose record is not whole yet, keeps his; a
 * link that such a one makes now leads nowhere, since LOCK names a living owner. Without a word where that fails: the next one will.
 */
function removeLeftovers(path: string): void {
  try {
    for (const name of fs.readdirSync(path).filter((entry) => entry.startsWith(`${LOCK}.`))) {
      const file = join(path, name);
      const owner = readOwner(file);
      const dead = owner === null ? (ageMs(file) ?? 0) >= HEARTBEAT_STALE_MS : !isAlive(owner, file);
      if (dead) removeQuietly(file);
    }
  } catch {
    // They are in nobody's way.
  }
}

/** LOCK is linked only when its content is whole, so an unreadable one was damaged by a crash of the machine. */
function replaceUnreadable(lock: string, own: string): boolean {
  const age = ageMs(lock);
  if (age === null) return false;
  if (age < HEARTBEAT_STALE_MS) {
    throw new StorageError("locked", "the data directory has a lock file that cannot be read", {
      file: LOCK,
      hint: "If no other server uses the directory, remove the file LOCK in it",
    });
  }
  fs.renameSync(own, lock);
  return true;
}

function linkIfFree(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Null where there is no file, or no record in it. Throws when it cannot be read: that says nothing about its owner. */
function readOwner(file: string): LockOwner | null {
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const value = JSON.parse(text) as LockOwner | null;
    return typeof value?.pid === "number" && typeof value.token === "string" ? value : null;
  } catch {
    return null;
  }
}

function heldBy(owner: LockOwner): StorageError {
  const since = new Date(owner.sinceMs).toISOString();
  return new StorageError("locked", `the data directory is in use by process ${owner.pid} on ${owner.host}`, {
    file: LOCK,
    found: `a lock taken at ${since}`,
    hint: "Stop that process, or use another data directory",
  });
}

function isAlive(owner: LockOwner, file: string): boolean {
  const self = describeSelf();
  const sameBoot = owner.boot === self.boot;
  if (sameBoot && owner.host === self.host && owner.namespace === self.namespace) {
    return processExists(owner.pid) && startTime(owner.pid) === owner.startTime;
  }
  if (!sameBoot && owner.host === self.host) return false;
  const age = ageMs(file);
  return age !== null && age < HEARTBEAT_STALE_MS;
}

/** Age of a file by the clock of this machine; a time in the future counts as young. */
function ageMs(file: string): number | null {
  try {
    return Date.now() - fs.statSync(file).mtimeMs;
  } catch {
    return null;
  }
}

function describeSelf(): LockOwner {
  return {
    pid: process.pid,
    startTime: startTime(process.pid),
    host: hostname(),
    boot: readLine("/proc/sys/kernel/random/boot_id"),
    namespace: readLink("/proc/self/ns/pid"),
    token: randomBytes(12).toString("hex"),
    sinceMs: Date.now(),
  };
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

/** Field 22 of /proc/PID/stat; null where there is no /proc. The name in field 2 may hold spaces and parentheses. */
function startTime(pid: number): string | null {
  const line = readLine(`/proc/${pid}/stat`);
  return line?.slice(line.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

function readLine(file: string): string | null {
  try {
    return fs.readFileSync(file, "utf8").trim();
  } catch {
    return null;
  }
}

function readLink(file: string): string | null {
  try {
    return fs.readlinkSync(file);
  } catch {
    return null;
  }
}

function removeQuietly(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
