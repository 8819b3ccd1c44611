/** Runs writer-process.mjs, and checks what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Keyspace } from "@hearthkv/engine";
import { openAt, until } from "./open.js";

const SCRIPT = fileURLToPath(new URL("./writer-process.mjs", import.meta.url));
const KEYS = 1000;

export class WriterProcess {
  readonly lines: string[] = [];
  /** Highest write it said was acknowledged. */
  acked = 0;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  /** `prefix`: a command that runs it, as ["strace", ...]. */
  constructor(path: string, options: object, prefix: readonly string[] = []) {
    const command = [...prefix, process.execPath, SCRIPT, path, JSON.stringify(options)];
    const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    this.#exit = once(child, "close");
    let rest = "";
    child.stdout!.on("data", (data: Buffer) => {
      const lines = (rest + data.toString()).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    });
  }

  /** Of the writer itself, not of a command around it. Known when it is ready. */
  get pid(): number {
    return Number(this.lines.find((line) => line.startsWith("pid "))?.slice(4));
  }

  has(start: string): boolean {
    return this.lines.some((line) => line.startsWith(start));
  }

  async line(start: string): Promise<string> {
    await until(() => this.has(start));
    return this.lines.find((line) => line.startsWith(start))!;
  }

  /** Sends a signal, waits for the end, returns the exit code (null when a signal ended it). */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    process.kill(this.pid, signal);
    return await this.ended();
  }

  async ended(): Promise<number | null> {
    await this.#exit;
    return this.#child.exitCode;
  }

  #take(line: string): void {
    if (line.startsWith("acked ")) this.acked = Number(line.slice(6));
    else this.lines.push(line);
  }
}

/** Recovers the directory; throws unless it holds exactly the first writes, at least `acked` of them. Returns how many. */
export async function checkWritten(path: string, acked: number): Promise<number> {
  const { keyspace, persistence } = await openAt(path);
  const last = persistence.lastSequence;
  try {
    if (last < acked) throw new Error(`${acked} writes were acknowledged, ${last} are there`);
    for (let k = 0; k < KEYS; k++) {
      const expected = last - ((((last - k) % KEYS) + KEYS) % KEYS);
      const found = numberAt(keyspace, `key:${k}`);
      if (found !== Math.max(0, expected)) throw new Error(`key:${k} holds ${found}, not ${expected} (of ${last})`);
    }
  } finally {
    await persistence.close({ snapshot: false });
  }
  return last;
}

function numberAt(keyspace: Keyspace, name: string): number {
  const key = Buffer.from(name);
  const db = keyspace.db(0);
  if (db.keys.lookup(key, 0, key.length) === 0) return 0;
  return Number.parseInt(
    Buffer.from(db.keys.valueBuf.subarray(db.keys.valueOff, db.keys.valueOff + db.keys.valueLen)).toString(),
    10,
  );
}
