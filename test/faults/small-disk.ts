/** A file system of a few megabytes, for disks that are full. */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, type TestContext } from "vitest";
import { skipUnmounted, temporaryFolder } from "../support/index.js";

const PIECE = Buffer.alloc(256 * 1024, 1);
const mounted: string[] = [];

// Before the folder goes, which is registered earlier: hooks run last defined first.
function unmountAll(): void {
  for (const path of mounted) spawnSync("umount", ["-l", path]);
}

/** A mounted tmpfs; unmounted when the test file has ended. */
export class SmallDisk {
  readonly path = temporaryFolder("disk");

  /** Where that cannot be, see skipUnmounted. */
  static mount(context: Pick<TestContext, "skip">, bytes: number): SmallDisk {
    const disk = new SmallDisk();
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", disk.path]);
    if (status !== 0) skipUnmounted(context, `no tmpfs can be mounted (${String(stderr).trim()})`, "/proc/mounts");
    mounted.push(disk.path);
    return disk;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes up the room until only so much is left, in a file that is none of the server's. */
  fill(leftBytes: number): void {
    const fd = openSync(join(this.path, "ballast"), "a");
    try {
      for (let rest = this.freeBytes - leftBytes; rest > 0; rest -= PIECE.length) {
        writeSync(fd, PIECE, 0, Math.min(rest, PIECE.length));
      }
    } catch (error) {
      // The server takes its part of the room at the same time.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
    closeSync(fd);
  }

  /** Gives it back. */
  free(): void {
    rmSync(join(this.path, "ballast"), { force: true });
  }

  /** Read-only, or not any more. */
  remount(how: "ro" | "rw"): void {
    execFileSync("mount", ["-o", `remount,${how}`, this.path]);
  }

  /** Now, rather than at the end. */
  unmount(): void {
    mounted.splice(mounted.indexOf(this.path), 1);
    execFileSync("umount", ["-l", this.path]);
  }
}

afterAll(unmountAll);
