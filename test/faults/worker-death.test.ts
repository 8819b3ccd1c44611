/**
 * The persistence worker dies (an exception, process.exit, no memory left) or stands still: a server that cannot sync its log says so or ends,
 * it never goes on in memory only. The promise is a second; the bounds here only catch a server that does not notice at all.
 *
 * Negative controls, by hand: without `worker.on("error", ...)` and "exit" in worker-handle.ts the first three tests hang; with hangs()
 * returning false the last one does.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { CrashRun } from "../crash/crash-run.js";
import { printedSeed } from "../crash/random.js";
import {
  launcher,
  requirePeer,
  type ServerProcess,
  startHearth,
  startProcess,
  temporaryFolder,
  waitUntil,
} from "../support/index.js";
import { answerOf, tryWrite } from "./try-write.js";

const hook = pathToFileURL(fileURLToPath(new URL("worker-fault-hook.mjs", import.meta.url))).href;
const WRITERS = 4;
const DEPTH = 8;
const REFUSAL = "MISCONF Errors writing to the AOF file: the persistence worker does not answer";

/** A server under writers whose worker does what is written into `order`. */
async function started(what: string, level: string): Promise<{ run: CrashRun; server: ServerProcess; order: string }> {
  const order = join(temporaryFolder("fault"), "order");
  const env = { NODE_OPTIONS: `--import=${hook} --max-old-space-size=64`, WORKER_FAULT_ORDER: order };
  const run = new CrashRun(printedSeed(what), WRITERS, ["--ack", level], { mayBeRefused: true, env });
  const server = await startHearth(run.options);
  await run.startWriters(server.port, DEPTH);
  await waitUntil("writes", () => run.acknowledged > WRITERS * DEPTH);
  return { run, server, order };
}

async function restarted(run: CrashRun): Promise<void> {
  await run.writersEnded();
  const last = await startHearth({ dataDir: run.dataDir });
  await run.check(last);
  await last.stop();
  expect(run.totals).toMatchObject({ lost: 0, faults: [] });
}

test.for([
  ["throw", "written", "thrown on purpose"],
  ["exit", "synced", "the persistence worker ended with code 3"],
  ["memory", "written", "memory"],
] as const)(
  "%s in the worker, --ack %s: the process ends with a message and exit code 1",
  async ([fault, level, reason]) => {
    const { run, server, order } = await started(`worker: ${fault}`, level);
    writeFileSync(order, fault);
    const exit = await server.child.exited;
    expect(exit, server.child.output).toEqual({ code: 1, signal: null });
    expect(server.child.stderr).toMatch(new RegExp(`^hearthkv: .*${reason}`, "m"));
    await restarted(run);
  },
);

test.for(["written", "synced"])(
  "the worker stands still, --ack %s: writes are refused, reads go on, then it goes on",
  async (level) => {
    const { run, server, order } = await started("worker stands still", level);
    const client = await server.connect();
    const probe = await server.connect();
    writeFileSync(order, "stall");
    await waitUntil("writes are refused", async () => (await tryWrite(server)) === REFUSAL);
    expect(await client.send("EXISTS", "nothing")).toBe(0);
    expect(await answerOf(probe)).toBe(REFUSAL);
    rmSync(order);
    await waitUntil("writes are taken again", async () => (await tryWrite(server)) === "OK");
    const { acknowledged } = run;
    await waitUntil("writers go on", () => run.acknowledged > acknowledged + WRITERS * DEPTH);
    client.close();
    probe.close();
    await server.stop();
    await restarted(run);
  },
);

/*
 * The first threads of a process are node's own, and without them it ends in its own way; the next one is the worker. How many come before it depends
 * on node. Control: without startWorker() in worker-handle.ts the line is "hearthkv: EAGAIN".
 */
test("no thread can be had for the worker: the start says so, and what to do", async (context) => {
  requirePeer(context, "strace");
  const lines: string[] = [];
  for (let n = 6; n <= 24 && !lines.some((line) => line.startsWith("hearthkv: ")); n++) {
    const fault = ["-e", "trace=clone,clone3", "-e", `inject=clone,clone3:error=EAGAIN:when=${n}+`];
    const serve = [launcher, "serve", "--port", "0", "--data-dir", temporaryFolder("threads"), "--log-level", "silent"];
    const child = startProcess("strace", ["-f", "-qq", "-o", "/dev/null", ...fault, process.execPath, ...serve], {
      stdin: "",
    });
    const banner = child.waitFor(/ready on .*pid (\d+)$/m).catch(() => null);
    const pid = (await banner)?.[1];
    if (pid !== undefined) process.kill(Number(pid), "SIGKILL");
    await child.exited;
    lines.push(child.stderr);
  }
  expect(lines.at(-1)).toMatch(
    /^hearthkv: the persistence thread cannot be started: EAGAIN\. The system gives this process no more threads or memory: raise its limits/,
  );
});
