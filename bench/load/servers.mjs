/** The servers a bench compares, each a child process on a free port with a folder of its own. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { refuse } from "./report.mjs";

const launcher = fileURLToPath(new URL("../../bin/hearthkv.js", import.meta.url));
/** What redis-server must be told to promise what HearthKV does at each level. */
export const appendfsyncOf = { memory: "no", written: "everysec", synced: "always" };
/** Flags with which HearthKV makes no snapshot by itself. */
export const withoutSnapshots = ["--snapshot-ops", "0", "--snapshot-interval-s", "0", "--snapshot-wal-bytes", "0"];
const POLL_MS = 5;

/**
 * Starts HearthKV with its defaults.
 * @param options `flags` for serve, the `ack` level, an existing `dataDir`, and a `wrapper`: words put before the command
 */
async function startHearth({ flags = [], ack = "written", dataDir = folder(), wrapper = [] } = {}) {
  const port = await freePort();
  const args = ["serve", "--port", port, "--data-dir", dataDir, "--log-level", "warn", "--ack", ack, ...flags];
  return started("HearthKV", [...wrapper, process.execPath, launcher, ...args.map(String)], port, dataDir);
}

/** Starts redis-server or what descends from it: log on, synced every second (or as `ack` has it), no snapshots by themselves. */
async function startRedisLike(program, { flags = [], ack = "written", dataDir = folder(), wrapper = [] } = {}) {
  const port = await freePort();
  const place = ["--port", port, "--bind", "127.0.0.1", "--dir", dataDir, "--logfile", join(dataDir, "log.txt")];
  const log = ["--appendonly", "yes", "--appendfsync", appendfsyncOf[ack], "--save", ""];
  const words = [...place, ...log, ...flags].map(String);
  return started(basename(program), [...wrapper, program, ...words], port, dataDir);
}

/** The option that every script has: a folder, or one with a folder `bin`, whose programs named ...-server are compared, too. */
export const peersOption = { type: "string", default: "" };

/**
 * Everything to compare on this machine, the references first, HearthKV last: `name`, `version`, `start(options)`.
 * What is not installed is named on standard error.
 * @param dir value of `peersOption`
 */
export function contenders(dir) {
  const found = [];
  for (const program of ["redis-server", "valkey-server", ...programsIn(dir)]) {
    const name = basename(program);
    const run = spawnSync(program, ["--version"], { encoding: "utf8" });
    const version = /v=(\S+)/.exec(run.stdout ?? "")?.[1];
    const shown = found.some((each) => each.name === name) ? `${name} ${version}` : name;
    if (version !== undefined)
      found.push({ name: shown, version, start: (options) => startRedisLike(program, options) });
    else if (name === program)
      console.error(
        `${name} is not on the PATH: left out (Debian's package ${name.replace("-server", "")}-server has it)`,
      );
    else console.error(`${program} does not say its version: left out`);
  }
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return [...found, { name: "HearthKV", version, start: startHearth }];
}

function programsIn(dir) {
  if (dir === "") return [];
  const folders = [dir, join(dir, "bin")].filter((each) => existsSync(each));
  const programs = folders.flatMap((each) => readdirSync(each).map((name) => join(each, name)));
  const servers = programs.filter((path) => path.endsWith("-server")).sort();
  if (servers.length === 0) refuse(`--peers ${dir}: no program there is named ...-server`);
  return servers;
}

/** Resident memory of a server, in bytes. */
export function residentBytes(server) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) * 1024;
}

/** CPU time that a server's threads, and the children it has waited for, used so far, in seconds; the children's counts in hundredths. */
export function cpuSeconds(server) {
  const tasks = `/proc/${server.pid}/task`;
  let ns = 0;
  for (const task of readdirSync(tasks)) ns += Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]);
  return ns / 1e9 + childSeconds(server.pid);
}

/** CPU time of the children that a process has waited for, in seconds. */
export function childSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Sends one inline command and returns its answer: a line, or a whole bulk string. */
export function ask(server, command) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(server.port, "127.0.0.1", () => socket.write(`${command}\r\n`));
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      text += data;
      const bulk = /^\$(\d+)\r\n/.exec(text);
      if (bulk === null || text.length >= bulk[0].length + Number(bulk[1])) socket.end();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

/** The same for commands that must succeed. */
export async function order(server, command) {
  const answer = await ask(server, command);
  if (answer === "" || answer.startsWith("-")) throw new Error(`${server.name}: ${command}: ${answer || "no answer"}`);
  return answer;
}

/** Value of one numeric field of INFO. */
export async function infoField(server, section, field) {
  return Number(new RegExp(`^${field}:(\\S+)`, "m").exec(await ask(server, `INFO ${section}`))?.[1]);
}

/** Whether the server writes no snapshot and no new log at present, and has nothing of its log left to write. */
export async function isAtRest(server) {
  const info = await ask(server, "INFO persistence");
  return !/^(rdb_bgsave_in_progress|aof_rewrite_(in_progress|scheduled)|aof_buffer_length|aof_pending_bio_fsync|ring_bytes):[1-9]/m.test(
    info,
  );
}

/** Waits until `check` holds, or fails after `timeoutMs` with `what`. */
export async function until(what, check, timeoutMs = 300_000, everyMs = 50) {
  const endMs = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Servers by the process that was launched: behind a wrapper that is another one. */
const running = new Map();

async function started(name, [command, ...args], port, dataDir) {
  const beganMs = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  let ended = false;
  const exited = new Promise((resolve) => child.once("exit", resolve)).then(() => {
    ended = true;
    running.delete(child);
  });
  const server = { name, port, pid: child.pid, dataDir, startMs: 0 };
  running.set(child, server);
  server.stop = async (signal = "SIGTERM") => {
    process.kill(server.pid, signal);
    await exited;
  };
  child.once("error", (error) => {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  });
  const isUp = async () => {
    if (ended) throw new Error(`${name} ended before it served: ${lastWords(dataDir)}`);
    return (await ask(server, "PING").catch(() => "")).startsWith("+PONG");
  };
  await until(`${name} serves`, isUp, 600_000, POLL_MS);
  server.startMs = performance.now() - beganMs;
  server.pid = await infoField(server, "server", "process_id");
  return server;
}

/** The end of a server's log file. */
function lastWords(dataDir) {
  try {
    return readFileSync(join(dataDir, "log.txt"), "utf8").trimEnd().split("\n").slice(-3).join(" | ");
  } catch {
    return "its reason is above, if it gave one";
  }
}

async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const folders = [];
process.once("exit", () => {
  for (const [child, { pid }] of running) {
    child.kill("SIGKILL");
    try {
      if (pid !== child.pid) process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));

/** A new temporary folder, removed at the end. */
export function folder() {
  const made = mkdtempSync(join(tmpdir(), "hearthkv-bench-"));
  folders.push(made);
  return made;
}
