/**
 * How long a start takes: with the keys in a snapshot, and with as many entries in the log.
 *
 *   node bench/load/restart.mjs [--keys 1000000] [--bytes 64] [--rounds 3]
 *
 * Three directories are made: a snapshot of so many strings; a log of so many SETs of new keys; a log of so many mixed commands over a
 * tenth of the keys. Each is then recovered several times in a process of its own; the times are what INFO says about recovery, and
 * the whole start until the server listens.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { folder, infoField, startHearth } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000" },
    bytes: { type: "string", default: "64" },
    rounds: { type: "string", default: "3" },
  },
});
const keys = Number(values.keys);
const value = "v".repeat(Number(values.bytes));
const BATCH = 2000;
const MB = 1024 * 1024;
const noSnapshots = ["--snapshot-ops", "0", "--snapshot-interval-s", "0"];

/** Sends `count` commands, a batch at a time, and waits for all their one-line answers. */
async function send(port, count, command) {
  const socket = net.connect(port, "127.0.0.1");
  let answers = 0;
  let wake = () => {};
  socket.on("data", (data) => {
    for (const byte of data) if (byte === 10) answers++;
    wake();
  });
  for (let i = 0; i < count; i += BATCH) {
    const size = Math.min(BATCH, count - i);
    socket.write(Array.from({ length: size }, (_, k) => encode(command(i + k))).join(""));
    while (answers < i + size) {
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  }
  socket.destroy();
}

function encode(words) {
  return `*${words.length}\r\n${words.map((word) => `$${String(word).length}\r\n${word}\r\n`).join("")}`;
}

const key = (i) => `key:${String(i).padStart(12, "0")}`;

/** A quarter of the commands each: a string, a counter, a hash field, a sorted set's member. */
function mixed(i) {
  const k = i % (keys / 10);
  switch (i % 4) {
    case 0:
      return ["SET", `s:${k}`, value];
    case 1:
      return ["INCR", `n:${k}`];
    case 2:
      return ["HSET", `h:${k >> 4}`, `field-${i % 64}`, value];
    default:
      return ["ZADD", `z:${k >> 4}`, i, `member-${i % 64}`];
  }
}

const scenarios = [
  { name: "snapshot, strings", end: "SIGTERM", files: /\.snap$/, command: (i) => ["SET", key(i), value] },
  { name: "log, SETs of new keys", end: "SIGKILL", files: /\.log$/, command: (i) => ["SET", key(i), value] },
  { name: "log, mixed commands", end: "SIGKILL", files: /\.log$/, command: mixed },
];

async function recoverOnce(dataDir) {
  const reader = await startHearth(noSnapshots, dataDir);
  const figure = (field) => infoField(reader, "persistence", field);
  const entries = (await figure("recovery_snapshot_entries")) + (await figure("recovery_wal_entries"));
  if (entries < keys) throw new Error(`only ${entries} of ${keys} entries came back`);
  const recoveryMs = await figure("recovery_ms");
  await reader.stop("SIGKILL");
  return { recoveryMs, startMs: reader.startMs };
}

console.log(`${keys} keys or entries, values of ${values.bytes} bytes, Node ${process.version}`);
for (const { name, end, files, command } of scenarios) {
  const dataDir = folder();
  const writer = await startHearth(noSnapshots, dataDir);
  await send(writer.port, keys, command);
  await writer.stop(end);
  const names = readdirSync(dataDir).filter((file) => files.test(file));
  const bytes = names.reduce((sum, file) => sum + statSync(join(dataDir, file)).size, 0);
  const times = [];
  for (let round = 0; round < Number(values.rounds); round++) times.push(await recoverOnce(dataDir));
  rmSync(dataDir, { recursive: true });
  times.sort((a, b) => a.recoveryMs - b.recoveryMs);
  const { recoveryMs, startMs } = times[times.length >> 1];
  const perEntry = `${((recoveryMs / keys) * 1e6).toFixed(0)} ns an entry`;
  const all = times.map((each) => each.recoveryMs).join(", ");
  console.log(
    `${name.padEnd(24)}${(bytes / MB).toFixed(0)} MB: recovery ${recoveryMs} ms (${perEntry}; all: ${all}), start ${startMs.toFixed(0)} ms`,
  );
}
