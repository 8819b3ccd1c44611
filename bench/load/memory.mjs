/**
 * Bytes a key for strings (16-byte keys), and what comes back after deleting them all, beside redis-server.
 *
 *   node bench/load/memory.mjs [--keys 1000000] [--bytes 64] [--settle-ms 5000]
 */
import net from "node:net";
import { parseArgs } from "node:util";
import { ask, infoField, residentBytes, startHearth, startRedis } from "./servers.mjs";

const { values } = parseArgs({
  options: {
    keys: { type: "string", default: "1000000" },
    bytes: { type: "string", default: "64" },
    "settle-ms": { type: "string", default: "5000" },
  },
});
const keys = Number(values.keys);
const BATCH = 1000;

/** Sends one command for each key, `BATCH` at a time, and waits for every answer. */
async function forEachKey(server, command) {
  const socket = net.connect(server.port, "127.0.0.1");
  let answers = 0;
  let wake = () => {};
  socket.on("data", (data) => {
    for (const byte of data) if (byte === 10) answers++;
    wake();
  });
  for (let i = 0; i < keys; i += BATCH) {
    let text = "";
    for (let k = i; k < i + BATCH; k++) text += command(`key:${String(k).padStart(12, "0")}`);
    socket.write(text);
    while (answers < i + BATCH) {
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  }
  socket.destroy();
}

async function measure(server) {
  const memory = async () => ({ used: await infoField(server, "memory", "used_memory"), rss: residentBytes(server) });
  const value = "x".repeat(Number(values.bytes));
  const empty = await memory();
  await forEachKey(server, (k) => `*3\r\n$3\r\nSET\r\n$16\r\n${k}\r\n$${value.length}\r\n${value}\r\n`);
  const full = await memory();
  await forEachKey(server, (k) => `*2\r\n$3\r\nDEL\r\n$16\r\n${k}\r\n`);
  await new Promise((resolve) => setTimeout(resolve, Number(values["settle-ms"])));
  const after = await memory();
  await ask(server, "PING");
  const mb = (bytes) => Number((bytes / 1e6).toFixed(1));
  return {
    server: server.name,
    "used_memory a key": Number(((full.used - empty.used) / keys).toFixed(1)),
    "RSS a key": Number(((full.rss - empty.rss) / keys).toFixed(1)),
    "RSS MB empty": mb(empty.rss),
    "full ": mb(full.rss),
    "deleted ": mb(after.rss),
    "used MB deleted": mb(after.used),
  };
}

const rows = [];
for (const start of [startRedis, startHearth]) {
  const server = await start();
  rows.push(await measure(server));
  await server.stop("SIGKILL");
}
console.table(rows);
