/**
 * What the README shows is run as a newcomer would run it: its console blocks line by line, in a folder with its files, against a server
 * that is started again after the page has killed it. Only the port differs, and `redis-cli` prints as it does at a terminal.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Setting, settings } from "../packages/cli/src/serve/settings.js";
import {
  blocksOf,
  debianPython,
  projectRoot,
  requirePeer,
  runProcess,
  type ServerProcess,
  startHearth,
  startProcess,
  stepsOf,
} from "./support/index.js";

const page = readFileSync(join(projectRoot, "README.md"), "utf8");
// Inside the project, so that the Node snippet finds the packages it imports.
const folder = mkdtempSync(join(projectRoot, "node_modules", ".readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder for the PATH in which the commands of the page mean ours. */
function commandsFor(server: ServerProcess): string {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  const place = (name: string, command: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`);
    chmodSync(join(bin, name), 0o755);
  };
  place("redis-cli", `${programPath("redis-cli")} -p ${server.port} --no-raw`);
  place("python3", debianPython);
  place("node", process.execPath);
  return bin;
}

function programPath(name: string): string {
  return execFileSync("sh", ["-c", `command -v ${name} || true`], { encoding: "utf8" }).trim();
}

async function runSteps(text: string, server: ServerProcess): Promise<void> {
  const env = { PATH: `${commandsFor(server)}:${process.env.PATH}`, PYTHONDONTWRITEBYTECODE: "1" };
  for (const { command, expected } of stepsOf(text)) {
    const { output } = await runProcess("sh", ["-c", command], { cwd: folder, env });
    expect(output, command).toBe(expected);
  }
}

function placeFile(name: string, text: string, server: ServerProcess): void {
  writeFileSync(join(folder, name), text.replaceAll("6379", String(server.port)));
}

test("sixty seconds with redis-cli, with kill -9 in the middle", async (context) => {
  requirePeer(context, "redis-cli");
  let server = await startHearth();
  const [before, kill, after] = blocksOf("README.md", "## Sixty seconds").filter(
    ({ language }) => language === "console",
  );
  await runSteps(before!.text, server);
  await runSteps(kill!.text, server);
  expect(await server.child.exited).toEqual({ code: null, signal: "SIGKILL" });
  const { port, dataDir } = server;
  server = await startHearth({ port, dataDir });
  await runSteps(after!.text, server);
  await server.stop();
});

test("Celery", async (context) => {
  requirePeer(context, "celery");
  const server = await startHearth();
  const [tasks, steps] = blocksOf("README.md", "### Celery");
  placeFile("tasks.py", tasks!.text, server);
  mkdirSync(join(folder, "queue"));
  const args = ["-m", "celery", "-A", "tasks", "worker", "--concurrency", "2", "--loglevel", "INFO"];
  const worker = startProcess(debianPython, args, { cwd: folder, env: { PYTHONDONTWRITEBYTECODE: "1" }, stdin: "" });
  await worker.waitFor(/ready\./);
  await runSteps(steps!.text, server);
  await worker.stop();
  await server.stop();
});

test("ioredis", async () => {
  const server = await startHearth();
  const [script, steps] = blocksOf("README.md", "### ioredis");
  placeFile("visits.mjs", script!.text, server);
  await runSteps(steps!.text, server);
  await server.stop();
});

test("the table of settings is the one of the command line", () => {
  const rows = (Object.values(settings) as Setting<unknown>[]).map(({ name, value, fallback, fallbackText, help }) => {
    const shown = fallbackText ?? (typeof fallback === "boolean" ? (fallback ? "yes" : "no") : String(fallback));
    return ["", `\`--${name}${value === undefined ? "" : ` ${value}`}\``, shown, help, ""];
  });
  const lines = page.split("\n").filter((line) => line.startsWith("| `--") && !line.startsWith("| `--ack` "));
  const table = lines.map((line) => line.split("|").map((cell) => cell.trim()));
  expect(table).toEqual(rows);
});
