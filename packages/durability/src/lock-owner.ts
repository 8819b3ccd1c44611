import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { errnoOf } from "./errors.js";
import { LOCK } from "./file-names.js";

/** Who holds a directory, as LOCK says. What the system does not tell is null. */
export interface LockOwner {
  readonly pid: number;
  /** Clock ticks since boot at which the process started. */
  readonly startTime: string | null;
  readonly host: string;
  /** Identifies the boot of the kernel, and the pid namespace in it. */
  readonly boot: string | null;
  readonly namespace: string | null;
  /** Device and inode of the directory that is held, as "device:inode": a copy of it holds a LOCK that is not its own. Absent in old records. */
  readonly directory?: string;
  readonly token: string;
  readonly sinceMs: number;
}

/** This process, as the owner of the directory at `path`. */
export function describeSelf(path: string): LockOwner {
  return {
    pid: process.pid,
    startTime: startTime(process.pid),
    host: hostname(),
    boot: readLine("/proc/sys/kernel/random/boot_id"),
    namespace: readLink("/proc/self/ns/pid"),
    directory: identityOf(path),
    token: randomBytes(12).toString("hex"),
    sinceMs: Date.now(),
  };
}

/** The holder of a directory as LOCK names it, dead or alive; null where there is none, or one that cannot be read. */
export function readLockOwner(path: string): LockOwner | null {
  return readOwner(join(path, LOCK));
}

/** Null where there is no file, or no record in it. Throws when it cannot be read: that says nothing about its owner. */
export function readOwner(file: string): LockOwner | null {
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

/** Whether the process that took the lock exists, for one in this pid namespace. Its pid may belong to another one by now. */
export function processExists({ pid, startTime: started }: LockOwner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (errnoOf(error) !== "EPERM") return false;
  }
  return startTime(pid) === started;
}

/** Whether the process that exists has ended, and waits for its parent: state Z or X of /proc/PID/stat. False where nothing tells. */
export function hasExited({ pid }: LockOwner): boolean {
  return ["Z", "X"].includes(statField(pid, 3) ?? "");
}

function startTime(pid: number): string | null {
  return statField(pid, 22);
}

/** A field of /proc/PID/stat, from 3 on (proc(5)). The name in field 2 may hold spaces and parentheses. */
function statField(pid: number, number: number): string | null {
  const line = readLine(`/proc/${pid}/stat`);
  return line?.slice(line.lastIndexOf(")") + 2).split(" ")[number - 3] ?? null;
}

function identityOf(path: string): string {
  const { dev, ino } = fs.statSync(path, { bigint: true });
  return `${dev}:${ino}`;
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
