/** Child processes of the tests: started, watched line by line, waited for, killed; nothing is left behind when a test file ends. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll } from "vitest";

/** No wait takes so long, however busy the machine is. */
const HANGS_AFTER_MS = 300_000;
const running = new Set<Child>();

afterAll(async () => {
  for (const child of running) {
    child.kill("SIGKILL");
    await Promise.race([child.exited, sleep(2000)]); // a child of the child may hold its output open
  }
});

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Options of `startProcess`. */
export interface ChildOptions {
  readonly cwd?: string;
  /** Added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Given to the process, which then sees the end of its input. Without it stdin stays open for `child.input`. */
  readonly stdin?: string | Uint8Array;
}

/** A running process and everything it has printed so far. */
export class Child {
  /** Standard output and standard error in the order of their arrival. */
  output = "";
  stdout = "";
  stderr = "";
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#process = spawn(command, args, {
      cwd: options.cwd,
      env: { ...ownEnvironment(), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(this);
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.output += text;
    });
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.output += text;
    });
    this.#process.stdin.on("error", () => {}); // it may end before it has read everything
    if (options.stdin !== undefined) this.#process.stdin.end(options.stdin);
    this.exited = new Promise((resolve) => {
      this.#process.once("error", (error) => {
        this.stderr += error.message;
        this.output += error.message;
        running.delete(this);
        resolve({ code: null, signal: null });
      });
      this.#process.once("close", (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Standard input, while no `stdin` was given. */
  get input(): Writable {
    return this.#process.stdin;
  }

  /** Sends a signal without waiting. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> {
    this.kill(signal);
    return this.exited;
  }

  /**
   * Waits until the output holds a match of `pattern`.
   * @throws with everything printed, when the process ends first or `timeoutMs` have passed
   */
  async waitFor(pattern: RegExp, timeoutMs = HANGS_AFTER_MS): Promise<RegExpExecArray> {
    let ended = false;
    void this.exited.then(() => {
      ended = true;
    });
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.output);
      if (match) return match;
      if (ended) throw new Error(`the process ended before it printed ${pattern}:\n${this.output}`);
      if (Date.now() > deadline) throw new Error(`${pattern} was not printed in ${timeoutMs} ms:\n${this.output}`);
      await sleep(5);
    }
  }
}

/** Without our own variables (seeds, rounds), which a server takes for settings. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HEARTHKV_")));
}

/** Starts a process. */
export function startProcess(command: string, args: readonly string[], options?: ChildOptions): Child {
  return new Child(command, args, options);
}

/** Runs a process to its end, killing it after `timeoutMs`. */
export async function runProcess(
  command: string,
  args: readonly string[],
  options: ChildOptions & { readonly timeoutMs?: number } = {},
): Promise<Exit & { readonly stdout: string; readonly stderr: string; readonly output: string }> {
  const child = new Child(command, args, { stdin: "", ...options });
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? HANGS_AFTER_MS);
  const exit = await child.exited;
  clearTimeout(timer);
  return { ...exit, stdout: child.stdout, stderr: child.stderr, output: child.output };
}

/** Waits until `check` gives something other than false, null or undefined; throws with `what` after `timeoutMs`. */
export async function waitUntil<T>(
  what: string,
  check: () => T | Promise<T>,
  timeoutMs = HANGS_AFTER_MS,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}
