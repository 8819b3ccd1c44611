import * as fs from "node:fs";
import { join } from "node:path";
import { type Directory, makeDirectory } from "./disk.js";
import { errnoOf, ioError, isNoRoom, StorageError } from "./errors.js";
import { LOCK } from "./file-names.js";
import {
  HEARTBEAT_MS,
  type HeldRecord,
  namesRecord,
  SILENCE_ALLOWED_MS,
  SILENCE_MEANS_DEATH_MS,
} from "./lock-lease.js";
import { describeSelf, hasExited, type LockOwner, processExists, readOwner } from "./lock-owner.js";
import { askWitness, LockWitness, witnessName } from "./lock-witness.js";
import { ownedDisk } from "./owned-disk.js";

/*
 * One writer per directory, across processes and containers. LOCK is one line of JSON that names its owner.
 *
 * Taking it: the own record is written to a file of its own and hard-linked to LOCK, which fails where LOCK exists. (Where there are no hard links
 * it is copied to a file that must not exist.)
 * Taking over from a dead owner X: link the own record to LOCK.after-{X's token} (only one can), look again whether LOCK
 * is still X's, rename the link over LOCK. Whoever finds that link sees its owner as the holder; should that one have
 * died in between, he is succeeded in the same way, so that there is a chain with one living end at most.
 *
 * Is an owner alive? `lifeOf` asks what can prove it at once. Where nothing does (another machine, no /proc), the owner is watched: it moves the
 * time of LOCK every HEARTBEAT_MS, and is given up when that has stood still for SILENCE_MEANS_DEATH_MS by the clock of the one who watches.
 * No two clocks are ever compared, and none that can jump is asked.
 *
 * An owner that stood still itself learns of it before it does any harm: lock-lease.ts.
 */
const WATCH_EVERY_MS = 100;
const ATTEMPTS = 100;
/** What a link of a file is refused with where the file system has none. */
const NO_HARD_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

export interface LockOptions {
  /** Called before an owner that nothing else tells of is watched, which takes up to `ms`. */
  readonly onWatch?: (owner: LockOwner | null, ms: number) => void;
  /** Gives up watching: the directory is as it was, and the signal's reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** A held lock. It keeps no process alive. */
export class DirectoryLock {
  readonly owner: LockOwner;
  /** What another thread needs to look at the lock by itself. */
  readonly record: HeldRecord;
  /** Called once when the lock is lost: nothing may be written or acknowledged any more. */
  onLost: (error: StorageError) => void = () => {};
  /** Called after each sign of life. */
  onBeat: () => void = () => {};
  readonly #file: string;
  readonly #fd: number;
  readonly #witness: LockWitness | null;
  readonly #timer: NodeJS.Timeout;
  /** Times at which the last sign of life that came about was begun. */
  #beatenMs = performance.now();
  #beatenWallMs = Date.now();
  #isWritten: boolean;
  #beating = false;
  #released = false;
  #lost: StorageError | null = null;

  /** `fd`: of LOCK. `isWritten`: the disk had room for the record. */
  constructor(path: string, owner: LockOwner, fd: number, witness: LockWitness | null, isWritten: boolean) {
    this.owner = owner;
    this.record = { path, token: owner.token, fd, inode: String(fs.fstatSync(fd, { bigint: true }).ino) };
    this.#file = join(path, LOCK);
    this.#fd = fd;
    this.#witness = witness;
    this.#isWritten = isWritten;
    this.#timer = setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Why nothing may be written any more; null while it may. */
  get lost(): StorageError | null {
    return this.#lost;
  }

  /** `dir`, the directory of this lock, in which nothing is changed any more once the lock is lost: that throws StorageError lock-lost. */
  guard(dir: Directory): Directory {
    return ownedDisk(dir, () => {
      if (!this.confirm()) throw this.#lost ?? new Error("the lock was released");
    });
  }

  /**
   * Whether this process may still write, and acknowledge what it has written. Cheap, unless the last sign of life is older than allowed (it stood
   * still, or cannot give any): then it looks at LOCK. To be called after a write and before its acknowledgement; `guard` asks before each change.
   */
  confirm(nowMs: number = performance.now()): boolean {
    if (this.#lost !== null || this.#released) return false;
    // Two clocks: the first one does not count the sleep of a machine, the second one may jump, which costs a look.
    const silenceMs = Math.max(nowMs - this.#beatenMs, Date.now() - this.#beatenWallMs);
    return silenceMs <= SILENCE_ALLOWED_MS || this.isHeld();
  }

  /** Looks whether LOCK still names this owner. */
  isHeld(): boolean {
    if (this.#lost !== null || this.#released) return false;
    if (!namesRecord(this.record)) this.#lose();
    return this.#lost === null;
  }

  /** Gives a sign of life if it is time: for those who keep the event loop busy for seconds. */
  keepAlive(): void {
    if (performance.now() - this.#beatenMs < HEARTBEAT_MS || !this.isHeld()) return;
    const [startMs, wallMs] = [performance.now(), Date.now()];
    try {
      const time = this.#signOfLife(startMs);
      fs.futimesSync(this.#fd, time, time);
      this.#beaten(startMs, wallMs);
    } catch {
      // A disk in trouble: no sign of life this time, but no loss either.
    }
  }

  /** Gives the lock back. Harmless where it was lost or released before. */
  release(): void {
    if (this.#released) return;
    const isHeld = this.isHeld();
    this.#released = true;
    clearInterval(this.#timer);
    if (isHeld) removeQuietly(this.#file);
    this.#witness?.close();
    fs.closeSync(this.#fd);
  }

  /** In other threads, so that a disk that stands still does not hold up this one. */
  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    const [startMs, wallMs] = [performance.now(), Date.now()];
    try {
      const { ino } = await fs.promises.stat(this.#file, { bigint: true });
      if (this.#released) return;
      if (String(ino) !== this.record.inode || startMs - this.#beatenMs > SILENCE_ALLOWED_MS) this.isHeld();
      if (this.#lost !== null) return;
      if (!this.#isWritten) this.#writeRecord();
      await this.#touch(this.#signOfLife(startMs));
      this.#beaten(startMs, wallMs);
    } catch (error) {
      // Out of descriptors, or a disk in trouble: no sign of life this time, but no loss either.
      if (errnoOf(error) === "ENOENT") this.isHeld();
    } finally {
      this.#beating = false;
    }
  }

  #touch(time: Date): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.futimes(this.#fd, time, time, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** A time that no sign of life before had, wherever the clock has jumped to. */
  #signOfLife(nowMs: number): Date {
    return new Date(performance.timeOrigin + nowMs);
  }

  #beaten(startMs: number, wallMs: number): void {
    if (this.#released) return;
    this.#beatenMs = startMs;
    this.#beatenWallMs = wallMs;
    this.onBeat();
  }

  /** The disk was full when the lock was taken. */
  #writeRecord(): void {
    this.#isWritten = writeRecord(this.#fd, this.owner);
  }

  #lose(): void {
    if (this.#lost !== null) return;
    clearInterval(this.#timer);
    this.#lost = lockLost(this.record.path);
    this.onLost(this.#lost);
  }
}

/**
 * Takes the lock of the directory at `path`, which is made (mode 0700) where it is missing. Throws StorageError locked, naming the holder,
 * or io, and the reason of `signal`. Takes a moment, but up to SILENCE_MEANS_DEATH_MS where LOCK names an owner of which nothing tells whether it
 * lives.
 */
export async function lockDirectory(path: string, options: LockOptions = {}): Promise<DirectoryLock> {
  options.signal?.throwIfAborted();
  try {
    makeDirectory(path);
    return await new LockTaker(path, options).take();
  } catch (error) {
    options.signal?.throwIfAborted();
    throw ioError("cannot lock the data directory", LOCK, error);
  }
}

/**
 * The holder of a directory where it lives, as far as can be told from here; null where nobody does. Changes nothing. May take as long as
 * `lockDirectory`.
 */
export async function livingLockOwner(path: string): Promise<LockOwner | null> {
  const file = join(path, LOCK);
  const owner = readOwner(file);
  if (owner === null) return null;
  const life = await lifeOf(owner, path, describeSelf(path));
  const lives = life === "alive" || (life === "silent" && (await showsLife(file)));
  return lives ? owner : null;
}

/** What stands in a file of the lock. One without a record was damaged, or its disk was full: only signs of life tell of its owner. */
interface Holder {
  readonly owner: LockOwner | null;
  /** The owner's, or one made of the file's inode. */
  readonly token: string;
  readonly file: string;
}

class LockTaker {
  readonly #path: string;
  readonly #options: LockOptions;
  readonly #self: LockOwner;
  readonly #lock: string;
  readonly #own: string;

  constructor(path: string, options: LockOptions) {
    this.#path = path;
    this.#options = options;
    this.#self = describeSelf(path);
    this.#lock = join(path, LOCK);
    this.#own = join(path, `${LOCK}.${this.#self.token}`);
  }

  async take(): Promise<DirectoryLock> {
    // Before the record: whoever reads that must find it.
    const witness = LockWitness.open(this.#path, this.#self.token);
    try {
      const isWritten = this.#prepare();
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!(await this.#try())) continue;
        const lock = new DirectoryLock(this.#path, this.#self, this.#openLock(), witness, isWritten);
        removeQuietly(this.#own);
        await this.#removeLeftovers();
        return lock;
      }
      throw new StorageError("locked", "the lock changes hands all the time", { file: LOCK });
    } catch (error) {
      witness?.close();
      throw error;
    } finally {
      removeQuietly(this.#own);
    }
  }

  /** Writes the own record. False: the disk had no room for it; the lock is then held by an empty file, for a full disk must not forbid a start. */
  #prepare(): boolean {
    const fd = fs.openSync(this.#own, "wx", 0o600);
    try {
      return writeRecord(fd, this.#self);
    } finally {
      fs.closeSync(fd);
    }
  }

  #openLock(): number {
    try {
      return fs.openSync(this.#lock, "r+");
    } catch (error) {
      removeQuietly(this.#lock);
      throw error;
    }
  }

  /** One attempt. False: the situation changed meanwhile, look again. Throws StorageError locked. */
  async #try(): Promise<boolean> {
    if (linkIfFree(this.#own, this.#lock)) return true;
    const first = holderIn(this.#lock);
    if (first === null) return false;
    let last = first;
    const links: string[] = [];
    for (;;) {
      const link = join(this.#path, `${LOCK}.after-${last.token}`);
      links.push(link);
      const successor = holderIn(link);
      if (successor === null) break;
      last = successor;
    }
    await this.#requireDead(last);
    const mine = links.at(-1)!; // one at least
    if (!linkIfFree(this.#own, mine)) return false;
    if (holderIn(this.#lock)?.token !== first.token) {
      removeQuietly(mine);
      return false;
    }
    fs.renameSync(mine, this.#lock);
    for (const link of links) removeQuietly(link);
    removeQuietly(join(this.#path, witnessName(first.token)));
    return true;
  }

  async #requireDead({ owner, file }: Holder): Promise<void> {
    const life = owner === null ? "silent" : await lifeOf(owner, this.#path, this.#self);
    if (life === "dead") return;
    if (life === "silent") {
      this.#options.onWatch?.(owner, SILENCE_MEANS_DEATH_MS);
      if (!(await showsLife(file, this.#options.signal))) return;
    }
    throw owner === null ? heldByUnreadable() : heldBy(owner);
  }

  /**
   * Removes what those left who died while they took the lock. One who lives, or of whom nothing tells, keeps his; a link that such a one
   * makes now leads nowhere, since LOCK names a living owner. Without a word where that fails: the next one will.
   */
  async #removeLeftovers(): Promise<void> {
    try {
      for (const name of fs.readdirSync(this.#path)) {
        if (!name.startsWith(`${LOCK}.`) || name === witnessName(this.#self.token)) continue;
        const file = join(this.#path, name);
        if (name.endsWith(".sock")) {
          const token = name.slice(LOCK.length + 1, -".sock".length);
          if ((await askWitness(this.#path, token)) === "refused") removeQuietly(file);
          continue;
        }
        const owner = readOwner(file);
        if (owner !== null && (await lifeOf(owner, this.#path, this.#self)) === "dead") removeQuietly(file);
      }
    } catch {
      // They are in nobody's way.
    }
  }
}

/** What is known of an owner at once. silent: nothing tells but its signs of life. */
type Life = "alive" | "dead" | "silent";

async function lifeOf(owner: LockOwner, path: string, self: LockOwner): Promise<Life> {
  const witness = await askWitness(path, owner.token);
  if (witness === "answers") return "alive";
  // Of a process of another kernel nothing can be known here, whatever its host is called.
  if (owner.boot === null || owner.boot !== self.boot) return "silent";
  if (owner.directory !== undefined && owner.directory !== self.directory) {
    // On the same device it is a copy of that directory; on another one it may be the same, seen through another file system.
    return deviceOf(owner.directory) === deviceOf(self.directory) ? "dead" : "silent";
  }
  if (owner.namespace !== null && owner.namespace === self.namespace) {
    if (!processExists(owner)) return "dead";
    // Killed, and its parent has not asked for it yet. A thread of it that is still in a write would keep the witness.
    return witness === "refused" && hasExited(owner) ? "dead" : "alive";
  }
  return witness === "refused" ? "dead" : "silent";
}

function deviceOf(directory = ""): string | undefined {
  return directory.split(":")[0];
}

/**
 * Watches a file of the lock: true as soon as its owner touches it or it changes hands, false when nothing has happened for
 * SILENCE_MEANS_DEATH_MS. What this process slept through is not counted. Throws when `signal` aborts.
 */
async function showsLife(file: string, signal?: AbortSignal): Promise<boolean> {
  const first = signOf(file);
  let watchedMs = 0;
  while (watchedMs < SILENCE_MEANS_DEATH_MS) {
    const beganMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
    signal?.throwIfAborted();
    watchedMs += Math.min(performance.now() - beganMs, 2 * WATCH_EVERY_MS);
    const sign = signOf(file);
    if (sign === null) return false;
    if (sign !== first) return true;
  }
  return false;
}

/** Read through a descriptor: network file systems ask the server when a file is opened. */
function signOf(file: string): string | null {
  let fd: number;
  try {
    fd = fs.openSync(file, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const { ino, mtimeNs } = fs.fstatSync(fd, { bigint: true });
    return `${ino} ${mtimeNs} ${fs.readFileSync(fd, "latin1")}`;
  } finally {
    fs.closeSync(fd);
  }
}

/** Null where there is no such file. */
function holderIn(file: string): Holder | null {
  const owner = readOwner(file);
  if (owner !== null) return { owner, token: owner.token, file };
  const stat = fs.statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : { owner: null, token: `inode-${stat.ino}`, file };
}

/** Durably, since a power loss soon after would otherwise leave a LOCK without content. False where the disk has no room; the file is then empty. */
function writeRecord(fd: number, owner: LockOwner): boolean {
  const bytes = Buffer.from(`${JSON.stringify(owner)}\n`);
  try {
    const isWhole = fs.writeSync(fd, bytes, 0, bytes.length, 0) === bytes.length;
    if (isWhole) fs.fdatasyncSync(fd);
    else fs.ftruncateSync(fd, 0);
    return isWhole;
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    fs.ftruncateSync(fd, 0);
    return false;
  }
}

function linkIfFree(from: string, to: string): boolean {
  try {
    try {
      fs.linkSync(from, to);
    } catch (error) {
      if (!NO_HARD_LINKS.has(errnoOf(error) ?? "")) throw error;
      // Written, not copied: a copy takes over the mode, which such a file system may refuse, too.
      fs.writeFileSync(to, fs.readFileSync(from), { flag: "wx", mode: 0o600 });
    }
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  }
}

function lockLost(path: string): StorageError {
  let successor = "";
  try {
    const owner = readOwner(join(path, LOCK));
    if (owner !== null) successor = `process ${owner.pid} on ${owner.host} has it`;
  } catch {
    // Who has it is only for the message.
  }
  return new StorageError("lock-lost", "another process took the lock", {
    file: LOCK,
    found: successor === "" ? undefined : successor,
    hint: "This one stood still for too long, or LOCK was removed by hand; it writes and acknowledges nothing any more",
  });
}

function heldBy(owner: LockOwner): StorageError {
  const since = new Date(owner.sinceMs).toISOString();
  return new StorageError("locked", `the data directory is in use by process ${owner.pid} on ${owner.host}`, {
    file: LOCK,
    found: `a lock taken at ${since}`,
    hint: "Stop that process, or use another data directory",
  });
}

function heldByUnreadable(): StorageError {
  return new StorageError(
    "locked",
    "the data directory is in use: something touches its lock file, which names nobody",
    {
      file: LOCK,
      hint: "Stop the other server that uses the directory, or use another one",
    },
  );
}

function removeQuietly(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}
