/** Celery of the distribution with the server as its result backend; the broker is a folder, so that nothing else is needed. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type Child,
  debianPython,
  hasPeer,
  requirePeer,
  runProcess,
  type ServerProcess,
  startHearth,
  startProcess,
  temporaryFolder,
  waitUntil,
} from "../support/index.js";

const application = fileURLToPath(new URL("./celery", import.meta.url));
let server: ServerProcess;
let worker: Child;
let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  if (!hasPeer("celery")) return;
  folder = temporaryFolder("celery");
  mkdirSync(join(folder, "queue"));
  server = await startHearth();
  env = {
    CELERY_TEST_FOLDER: folder,
    CELERY_TEST_BACKEND: `redis://127.0.0.1:${server.port}/0`,
    PYTHONDONTWRITEBYTECODE: "1",
  };
  const quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"];
  const args = ["-m", "celery", "-A", "app", "worker", "--concurrency", "2", "--loglevel", "INFO", ...quiet];
  worker = startProcess(debianPython, args, { cwd: application, env, stdin: "" });
  await worker.waitFor(/ready\./);
});

beforeEach((context) => requirePeer(context, "celery"));

afterAll(async () => {
  await worker?.stop("SIGTERM");
  await server?.stop();
});

/** The ends of what both sides printed. */
function describeFailure(output: string): string {
  return `${output.slice(-2000)}\n--- worker:\n${worker.output.slice(-2000)}`;
}

/** Runs a scenario of scenarios.py and gives what it returned. */
async function scenario(name: string): Promise<unknown> {
  const { code, stdout, output } = await runProcess(debianPython, ["scenarios.py", name], { cwd: application, env });
  expect(code, describeFailure(output)).toBe(0);
  return JSON.parse(stdout);
}

test("a group of 200 gives every result in order", async () => {
  expect(await scenario("group_of_200")).toEqual(Array.from({ length: 200 }, (_, index) => index * 2));
});

test("a chord runs its body once, with all results", async () => {
  expect(await scenario("a_chord")).toBe(210);
});

test("a chain passes results on", async () => {
  expect(await scenario("a_chain")).toBe(10);
});

test("a task that retries succeeds at its fourth attempt", async () => {
  expect(await scenario("retries")).toBe(3);
});

test("a failing task gives its error and traceback", async () => {
  expect(await scenario("failure")).toEqual({
    state: "FAILURE",
    type: "ValueError",
    text: "told you",
    traceback: expect.stringContaining("ValueError: told you"),
  });
});

test("states in between arrive by pub/sub", async () => {
  const { value, seen } = (await scenario("progress")) as { value: number; seen: string[] };
  expect(value).toBe(10);
  expect(seen.filter((state) => state === "PROGRESS").length).toBeGreaterThan(2);
  expect(seen.at(-1)).toBe("SUCCESS");
});

test("a result expires", async () => {
  const { before, ttl_ms, after } = (await scenario("expiry")) as { before: string; ttl_ms: number; after: string };
  expect([before, after]).toEqual(["SUCCESS", "PENDING"]);
  expect(ttl_ms).toBeGreaterThan(0);
  expect(ttl_ms).toBeLessThanOrEqual(1000);
});

test("a forgotten result is deleted", async () => {
  expect(await scenario("forget")).toEqual({ before: 1, after: 0 });
});

test("kill -9 in the middle of a run: no stored result is lost, and the worker goes on by itself", async () => {
  const ids = (await scenario("submit_300")) as string[];
  await waitUntil("50 stored results", () => storedResults(ids).size >= 50);
  await server.kill();
  const storedBeforeTheKill = storedResults(ids);
  expect(storedBeforeTheKill.size).toBeLessThan(ids.length);
  const { port, dataDir } = server;
  server = await startHearth({ port, dataDir });
  await expectReadable(storedBeforeTheKill);

  // A task that ends while the backend is away loses its result (this Celery does not try again), so not all of them are asked for.
  await waitUntil("the last of the 300 tasks", () => worker.output.includes(`slow_square[${ids.at(-1)}] succeeded`));
  const stored = storedResults(ids);
  expect(stored.size).toBeGreaterThan(storedBeforeTheKill.size);
  await expectReadable(stored);
  expect(await scenario("group_of_200")).toHaveLength(200);
});

/** What the worker was told is stored, of the named tasks: id and value. */
function storedResults(ids: readonly string[]): Map<string, string> {
  const wanted = new Set(ids);
  const lines = readFileSync(join(folder, "stored.log"), "utf8").trim().split("\n");
  return new Map(lines.map((line) => line.split(" ") as [string, string]).filter(([id]) => wanted.has(id)));
}

async function expectReadable(stored: ReadonlyMap<string, string>): Promise<void> {
  const client = await server.connect();
  for (const [id, value] of stored) {
    const body = await client.ok("GET", `celery-task-meta-${id}`);
    expect(JSON.parse(String(body)), id).toMatchObject({ status: "SUCCESS", result: Number(value) });
  }
  client.close();
}
