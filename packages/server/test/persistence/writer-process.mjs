// A process that writes through persistence until it is killed, for tests that kill it or break its disk.
//   node writer-process.mjs DIRECTORY OPTIONS-AS-JSON
// The n-th write sets key n % KEYS to n. Prints "pid N", "ready N", "acked N" (highest acknowledged write), "error TEXT", "healed", "closed".
import { writeSync } from "node:fs";
import { Keyspace } from "@hearthkv/engine";
import { openPersistence } from "../../dist/persistence/index.js";

const KEYS = 1000;
const PER_TICK = 16;
const [, , path, json] = process.argv;
const { paceMs = 0, padBytes = 40, ...options } = JSON.parse(json);
function say(line) {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      // The reader is behind.
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
const log = (_fields, message) => say(`log ${message}`);

const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
const persistence = openPersistence(
  path,
  {
    ...options,
    onFatal: (error) => {
      say(`fatal ${error.message}`);
      process.exit(1);
    },
  },
  keyspace,
  { info: log, warn: log, error: log },
);
await persistence.load();
let closing = false;
let acked = persistence.lastSequence;
const tell = () => {
  const now = Math.min(persistence.ackedSequence(), persistence.lastSequence);
  if (now > acked) say(`acked ${now}`);
  acked = now;
};
persistence.onAcked = tell;
persistence.onWriteError = (text) => say(text === null ? "healed" : `error ${text}`);
process.on("SIGTERM", async () => {
  closing = true;
  try {
    await persistence.close({ snapshot: true });
    say("closed");
    process.exit(0);
  } catch (error) {
    say(`not closed: ${error.message}`);
    process.exit(3);
  }
});
say(`pid ${process.pid}`);
say(`ready ${persistence.lastSequence}`);

const pad = "x".repeat(padBytes);
function tick() {
  if (closing) return;
  for (let i = 0; i < PER_TICK && !persistence.congested && persistence.writeError === null; i++) {
    const n = persistence.lastSequence + 1;
    const key = Buffer.from(`key:${n % KEYS}`);
    const value = Buffer.from(`${n}:${pad}`);
    keyspace.db(0).strings.set(key, 0, key.length, value, 0, value.length, 0);
    persistence.commit(Date.now());
  }
  persistence.endTick();
  tell();
  if (paceMs > 0) setTimeout(tick, paceMs);
  else setImmediate(tick);
}
tick();
