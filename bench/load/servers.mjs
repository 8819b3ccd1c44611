/** The servers a bench compares, each a child process on a free port with a folder of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(new URL("../../bin/hearthkv.js", import.meta.url));

/** Starts HearthKV with its defaults, and `flags` behind them. */
export async function startHearth(flags = [], dataDir = folder()) {
  const port = await freePort();
  const args = [launcher, "serve", "--port", String(port), "--data-dir", dataDir, "--log-level", "warn", ...flags];
  return started("HearthKV", process.execPath, args, port, dataDir);
}

/** Starts redis-server with its log on: append-only file, synced every second, no snapshots. */
export async function startRedis(flags = [], dataDir = folder()) {
  const port = await freePort();
  const log = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""];
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dataDir, ...log, ...flags];
  return started("redis-server", "redis-server", args, port, dataDir);
}

/** Resident memory of a server, in bytes. */
export function residentBytes(server) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) * 1024;
}

/** CPU time a server has used so far, in seconds. */
export function cpuSeconds(server) {
  const fields = readFileSync(`/proc/${server.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sends one inline command and returns what came within the first answer. */
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

/** Value of one field of INFO. */
export async function infoField(server, section, field) {
  return Number(new RegExp(`^${field}:(\\S+)`, "m").exec(await ask(server, `INFO ${section}`))?.[1]);
}

async function started(name, command, args, port, dataDir) {
  const beganMs = performance.now();
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    await exited;
  };
  const server = { name, port, pid: child.pid, dataDir, stop, startMs: 0 };
  child.once("error", (error) => {
    console.error(`${command}: ${error.message}`);
    process.exit(1);
  });
  for (;;) {
    const answer = await ask(server, "PING").catch(() => "");
    if (answer.startsWith("+PONG")) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  server.startMs = performance.now() - beganMs;
  return server;
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
  for (const each of folders) rmSync(each, { recursive: true, force: true });
});

/** A new temporary folder, removed at the end. */
export function folder() {
  const made = mkdtempSync(join(tmpdir(), "hearthkv-bench-"));
  folders.push(made);
  return made;
}
