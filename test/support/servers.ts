/** Servers as child processes: HearthKV through its command line, and redis-server beside it for comparison. */
import { readFileSync } from "node:fs";
import net from "node:net";
import { afterAll } from "vitest";
import { launcher, temporaryFolder } from "./folders.js";
import { type Child, type Exit, startProcess, waitUntil } from "./processes.js";
import { RespClient } from "./resp-client.js";

/** A server process that is listening. */
export interface ServerProcess {
  readonly port: number;
  /** Where its data lies; start another with the same `dataDir` to see what survived. */
  readonly dataDir: string;
  readonly child: Child;
  /** Of the server itself, also where `child` is a wrapper around it. */
  readonly pid: number;
  /** A new connection to it. */
  connect(): Promise<RespClient>;
  /** SIGTERM (or another signal), then waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  /** kill -9, then waits for the end. */
  kill(): Promise<Exit>;
}

/** How to start HearthKV. */
export interface HearthOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** Default a new temporary folder. */
  readonly dataDir?: string;
  /** More flags of `hearthkv serve`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Put before `node`, such as ["strace", "-f"]. */
  readonly wrapper?: readonly string[];
  /** Flags of node itself. */
  readonly nodeFlags?: readonly string[];
}

/** Starts HearthKV and waits for its banner. */
export async function startHearth(options: HearthOptions = {}): Promise<ServerProcess> {
  const dataDir = options.dataDir ?? temporaryFolder("data");
  const serve = ["serve", "--port", String(options.port ?? 0), "--data-dir", dataDir, "--log-level", "warn"];
  const [command = "", ...args] = [
    ...(options.wrapper ?? []),
    process.execPath,
    ...(options.nodeFlags ?? []),
    launcher,
    ...serve,
    ...(options.flags ?? []),
  ];
  const child = startProcess(command, args, { stdin: "", ...(options.env ? { env: options.env } : {}) });
  const [, port, pid] = await child.waitFor(/^HearthKV \S+ ready on \S+:(\d+)[ ,].*pid (\d+)$/m);
  // Under a wrapper the server is not the process that was started: signals go to the one that it names.
  return describe(child, Number(port), dataDir, Number(pid));
}

/** Starts redis-server (or another of its kind) as the peer: append-only file synced every second, no snapshots, nothing else running on its port. */
export async function startRedis(
  flags: readonly string[] = [],
  dataDir = temporaryFolder("redis"),
  program = "redis-server",
): Promise<ServerProcess> {
  const port = await freePort();
  const persistence = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
  const base = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dataDir, ...persistence];
  const child = startProcess(program, [...base, ...flags], { stdin: "" });
  await child.waitFor(/Ready to accept connections/);
  return describe(child, port, dataDir, child.pid);
}

/** Servers that were not stopped; under a wrapper killing the wrapper would leave them behind. */
const serving = new Set<number>();

afterAll(() => {
  for (const pid of serving) send(pid, "SIGKILL");
});

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

function describe(child: Child, port: number, dataDir: string, pid: number): ServerProcess {
  serving.add(pid);
  void child.exited.then(() => serving.delete(pid));
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    send(pid, signal);
    return child.exited;
  };
  return { port, dataDir, child, pid, connect: () => RespClient.connect(port), stop, kill: () => stop("SIGKILL") };
}

/** Resident memory of a server's process. */
export function residentBytes(server: ServerProcess): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.pid}/status`, "latin1"))?.[1]) * 1024;
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Waits until something accepts connections on the port. */
export async function waitForPort(port: number): Promise<void> {
  await waitUntil(`a server on port ${port}`, async () => {
    const client = await RespClient.connect(port).catch(() => null);
    client?.close();
    return client !== null;
  });
}
