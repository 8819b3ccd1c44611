/** Programs of others that some tests need: redis-server, redis-cli, redis-benchmark, Debian's celery, strace, prlimit, faketime, script. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";

/** A program and the Debian package that brings it. */
interface Peer {
  readonly probe: readonly [command: string, ...args: string[]];
  readonly install: string;
}

/** Debian's own Python, whatever comes first on the PATH: its celery and redis packages are the ones tested. */
export const debianPython = "/usr/bin/python3";

const peers = {
  "redis-server": { probe: ["redis-server", "--version"], install: "redis-server" },
  "redis-cli": { probe: ["redis-cli", "--version"], install: "redis-tools" },
  "redis-benchmark": { probe: ["redis-benchmark", "--version"], install: "redis-tools" },
  celery: { probe: [debianPython, "-c", "import celery, redis"], install: "python3-celery python3-redis" },
  script: { probe: ["script", "--version"], install: "bsdutils" },
  prlimit: { probe: ["prlimit", "--version"], install: "util-linux" },
  faketime: { probe: ["sh", "-c", "ls /usr/lib/*/faketime/libfaketime.so.1"], install: "faketime" },
  strace: { probe: ["strace", "-V"], install: "strace" },
} as const satisfies Record<string, Peer>;

/** Names that `requirePeer` knows. */
export type PeerName = keyof typeof peers;

const present = new Map<PeerName, boolean>();

/** Skips the test, loudly; with HEARTHKV_REQUIRE_PEERS=1 it fails instead, so that a run that should be complete cannot be silently less. */
export function skipOrFail(context: Pick<TestContext, "skip">, remedy: string, what: string): void {
  if (process.env.HEARTHKV_REQUIRE_PEERS === "1") throw new Error(`${what}: ${remedy}`);
  console.log(`skipped: ${remedy}`);
  context.skip(`skipped: ${remedy}`);
}

/**
 * The same for a disk that could not be mounted; where this machine mounts none, whoever asks (a container without CAP_SYS_ADMIN, no loop devices), the
 * test is skipped even then.
 * @param needs a file without which the system has no such disks
 */
export function skipUnmounted(context: Pick<TestContext, "skip">, what: string, needs: string): void {
  if (mayMount() && existsSync(needs)) skipOrFail(context, "see why mount(8) refuses", what);
  const reason = `skipped: nothing can be mounted on this machine: ${what}; run as root, with CAP_SYS_ADMIN and ${needs}`;
  console.log(reason);
  context.skip(reason);
}

/** Whether this process has CAP_SYS_ADMIN, which is bit 21 of its capabilities. */
function mayMount(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> 21n) & 1n) === 1n;
}

/** Call it first in a test (or in beforeAll / beforeEach). Where the program is missing the test is skipped with "skipped: install X", or fails. */
export function requirePeer(context: Pick<TestContext, "skip">, ...names: PeerName[]): void {
  for (const name of names) {
    if (hasPeer(name)) continue;
    skipOrFail(context, `install ${peers[name].install}`, `${name} is missing`);
  }
}

/** Newer servers of Redis's kind, by their paths: the programs named *-server in the folder HEARTHKV_PEERS. They are not Debian's, so none is no failure. */
export function newerServers(): string[] {
  const folder = process.env.HEARTHKV_PEERS;
  if (folder === undefined) {
    console.log("skipped: set HEARTHKV_PEERS to a folder with newer redis and valkey servers");
    return [];
  }
  return readdirSync(folder)
    .filter((name) => /^(redis|valkey)\d*-server$/.test(name))
    .map((name) => join(folder, name));
}

/** Whether the program can be run here. */
export function hasPeer(name: PeerName): boolean {
  let found = present.get(name);
  if (found === undefined) {
    const [command, ...args] = peers[name].probe;
    found = spawnSync(command, args, { stdio: "ignore" }).status === 0;
    present.set(name, found);
  }
  return found;
}
