/** strace attached to a running server: from `begin` to `end` its system calls fail, are held up, or kill it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, type ServerProcess, startProcess, temporaryFolder } from "../support/index.js";

/** What happens to which calls. strace counts `when=` for each thread by itself. */
export interface Fault {
  /** Names of system calls, with commas. */
  readonly calls: string;
  /** As strace's inject wants it: "error=EIO:when=3", "delay_enter=500000", "signal=SIGKILL:when=2". */
  readonly effect: string;
  /** Only calls on these files, open or named; by default all. A file may come into being later. */
  readonly files?: readonly string[];
  /** Calls of the serving thread alone; by default those of every thread. */
  readonly servingThread?: boolean;
}

/** The arguments of strace that make the fault. */
export function faultArguments(fault: Fault, log = "/dev/null"): string[] {
  const { calls, effect, files = [], servingThread = false } = fault;
  return [
    ...(servingThread ? [] : ["-f"]),
    ...["-o", log, "-e", `trace=${calls}`, "-e", `inject=${calls}:${effect}`],
    ...files.flatMap((file) => ["-P", file]),
  ];
}

/** A fault that lasts until `end()`. */
export class DiskFault {
  readonly #strace: Child;
  readonly #log: string;

  private constructor(strace: Child, log: string) {
    this.#strace = strace;
    this.#log = log;
  }

  /** Resolves when every thread of the server has the fault. */
  static async begin(server: ServerProcess, fault: Fault): Promise<DiskFault> {
    const log = join(temporaryFolder("strace"), "calls.txt");
    const strace = startProcess("strace", ["-p", String(server.pid), ...faultArguments(fault, log)]);
    await strace.waitFor(/attached/);
    return new DiskFault(strace, log);
  }

  /** Calls that were tampered with so far. */
  get injected(): number {
    return readFileSync(this.#log, "utf8").split(/\((?:INJECTED|DELAYED)\)/).length - 1;
  }

  /** The fault is over; the server runs on. */
  async end(): Promise<void> {
    await this.#strace.stop("SIGINT");
  }
}
