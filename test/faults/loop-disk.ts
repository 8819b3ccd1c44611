/** A real ext4 on a loop device whose power can be cut: what was not synced is gone, as after a power loss, journal replay included. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, type TestContext } from "vitest";
import { debianPython, skipUnmounted, temporaryFolder } from "../support/index.js";

const IMAGE_BYTES = 256 * 1024 * 1024;
/** EXT4_IOC_SHUTDOWN, _IOR('X', 125, u32), with EXT4_GOING_FLAGS_NOLOGFLUSH: all of the file system stops at once, its journal too. */
const CUT =
  "import fcntl,os,struct,sys;disk=os.open(sys.argv[1],os.O_RDONLY);print('ready',flush=True);sys.stdin.read();" +
  "fcntl.ioctl(disk,0x8004587D,struct.pack('I',2))";
const mounted: string[] = [];

// Before the folder goes, which is registered earlier: hooks run last defined first.
function unmountAll(): void {
  for (const path of mounted) spawnSync("umount", ["-l", path]);
}

/** The device takes what reaches it at once: it is the file system that forgets. A disk with a cache that lies is another matter. */
export class LoopDisk {
  readonly path: string;
  readonly #folder: string;
  #image: string;
  #restores = 0;

  private constructor() {
    this.#folder = temporaryFolder("ext4");
    this.path = join(this.#folder, "mount");
    this.#image = join(this.#folder, "image");
    mkdirSync(this.path);
    const fd = openSync(this.#image, "w");
    ftruncateSync(fd, IMAGE_BYTES);
    closeSync(fd);
  }

  /** Where that cannot be, see skipUnmounted. */
  static mount(context: Pick<TestContext, "skip">): LoopDisk {
    const disk = new LoopDisk();
    try {
      const options = ["-q", "-J", "size=4", "-E", "lazy_itable_init=1,nodiscard"];
      execFileSync("mkfs.ext4", [...options, disk.#image], { stdio: "pipe" });
      disk.#mount();
      mounted.push(disk.path);
    } catch (error) {
      const why = (error as Error).message.trim();
      skipUnmounted(context, `no ext4 can be mounted on a loop device (${why})`, "/dev/loop-control");
    }
    return disk;
  }

  /** The power fails: from now on every write and sync gives EIO, and what was not synced will be gone. Returns when that began, as performance.now(). */
  async cut(): Promise<number> {
    const child = spawn(debianPython, ["-c", CUT, this.path], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    const nowMs = performance.now();
    child.stdin.end();
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error("the power cannot be cut");
    return nowMs;
  }

  /**
   * The power is back. Nobody uses the disk any more. What is mounted then is a copy of what the device had: the old mount goes on without power in
   * every mount namespace that was made meanwhile (another test's, say), and mount(8) would find it again for the same image.
   */
  restore(): void {
    execFileSync("umount", ["-l", this.path]);
    const old = this.#image;
    this.#image = join(this.#folder, `image-${++this.#restores}`);
    execFileSync("cp", ["--sparse=always", old, this.#image]);
    rmSync(old);
    this.#mount();
  }

  #mount(): void {
    execFileSync("mount", ["-o", "loop,noatime", this.#image, this.path], { stdio: "pipe" });
  }
}

afterAll(unmountAll);
