/** A disk that takes only so many bytes a second from one process: the blkio controller of control groups (version 1). */
import { mkdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, type TestContext } from "vitest";

const CONTROLLER = "/sys/fs/cgroup/blkio";
const made: ThrottledDisk[] = [];

/** What is written through the page cache is held back where the process waits for it: in fdatasync. */
export class ThrottledDisk {
  readonly #group: string;
  readonly #device: string;

  private constructor(path: string) {
    const { dev } = statSync(path);
    this.#device = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
    this.#group = join(CONTROLLER, `hearthkv-test-${process.pid}`);
  }

  /** Of the disk on which `path` lies. Skips the test, loudly, where that cannot be done. */
  static of(context: Pick<TestContext, "skip">, path: string, bytesPerSecond: number): ThrottledDisk {
    const disk = new ThrottledDisk(path);
    try {
      mkdirSync(disk.#group);
      made.push(disk);
      disk.#limit(bytesPerSecond);
    } catch (error) {
      const reason = `skipped: the disk cannot be slowed down here (${(error as Error).message}); run as root, with blkio`;
      console.log(reason);
      context.skip(reason);
    }
    return disk;
  }

  /** From now on the process has the slow disk. */
  holdBack(pid: number): void {
    writeFileSync(join(this.#group, "cgroup.procs"), String(pid));
  }

  /** Nobody has any more. */
  letGo(): void {
    this.#limit(0);
  }

  /** Its processes have ended. */
  remove(): void {
    rmdirSync(this.#group);
  }

  #limit(bytesPerSecond: number): void {
    writeFileSync(join(this.#group, "blkio.throttle.write_bps_device"), `${this.#device} ${bytesPerSecond}`);
  }
}

afterAll(() => {
  for (const disk of made) {
    disk.letGo();
    disk.remove();
  }
});
