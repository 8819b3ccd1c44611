/**
 * A client that asks at a fixed rate, whatever the server does, on a thread of its own. Each request has the time at which it is due,
 * and its latency counts from then: a server that stands still for a second is seen by every request of that second.
 *
 * It begins by writing its keys, reports "ready", and asks until it is told to stop; then it reports its figures.
 */
import net from "node:net";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { encode, sendAll } from "./pipeline.mjs";

const CONNECTIONS = 10;
const KEYS = 10_000;
const VALUE = "p".repeat(64);
const REPLY_TO = [
  { first: "+".charCodeAt(0), bytes: "+OK\r\n".length },
  { first: "$".charCodeAt(0), bytes: `$${VALUE.length}\r\n${VALUE}\r\n`.length },
];
const TICK_MS = 1;
const probeKey = (i) => `probe:${i}`;

/** Keys that the probe holds in the server. */
export const probeKeys = KEYS;

/**
 * Starts a probe. Its stop() gives the figures in ms: p50, p99, p999, longest; and `requests`.
 * @param requestsPerS half of them SET, half GET of 64 bytes
 */
export async function startProbe(server, requestsPerS) {
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { server: { name: server.name, port: server.port }, requestsPerS },
  });
  const message = () =>
    new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  await message();
  let failed = null;
  worker.on("error", (error) => {
    failed = error;
  });
  return {
    async stop() {
      if (failed !== null) throw failed;
      const figures = message();
      worker.postMessage("stop");
      return figures;
    },
  };
}

/** One connection: SET and GET in turn; when each was due is kept in a ring until its reply is here. */
class Asker {
  #socket;
  #requests;
  #dueMs = new Float64Array(1 << 12);
  #sent = 0;
  #answered = 0;
  #replyBytes = 0;
  #onLatency;

  constructor(port, number, onLatency) {
    this.#onLatency = onLatency;
    this.#requests = Array.from({ length: KEYS }, (_, i) => {
      const key = probeKey((i + number * 997) % KEYS);
      return encode(i % 2 === 0 ? ["SET", key, VALUE] : ["GET", key]);
    });
    this.#socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (data) => this.#take(data));
    this.#socket.on("error", (error) => {
      throw error;
    });
  }

  get waiting() {
    return this.#sent - this.#answered;
  }

  /** Sends `count` requests, the first due at `dueMs`, the others `stepMs` apart. */
  send(count, dueMs, stepMs) {
    let text = "";
    for (let i = 0; i < count; i++) {
      if (this.waiting === this.#dueMs.length) this.#grow();
      this.#dueMs[this.#sent % this.#dueMs.length] = dueMs + i * stepMs;
      text += this.#requests[this.#sent % KEYS];
      this.#sent++;
    }
    this.#socket.write(text, "latin1");
  }

  close() {
    this.#socket.destroy();
  }

  #take(data) {
    const nowMs = performance.now();
    let at = 0;
    while (at < data.length) {
      const reply = REPLY_TO[this.#answered % 2];
      if (this.#replyBytes === 0 && data[at] !== reply.first) {
        throw new Error(`the probe got ${data.toString("latin1", at).split("\r\n")[0]}`);
      }
      const part = Math.min(reply.bytes - this.#replyBytes, data.length - at);
      at += part;
      this.#replyBytes += part;
      if (this.#replyBytes < reply.bytes) return;
      this.#replyBytes = 0;
      this.#onLatency(nowMs - this.#dueMs[this.#answered % this.#dueMs.length]);
      this.#answered++;
    }
  }

  #grow() {
    const larger = new Float64Array(this.#dueMs.length * 2);
    for (let i = this.#answered; i < this.#sent; i++) larger[i % larger.length] = this.#dueMs[i % this.#dueMs.length];
    this.#dueMs = larger;
  }
}

/** Latencies by size: a tenth of a percent fine from a microsecond to hours, and of a fixed size. */
class Histogram {
  #counts = new Uint32Array(1 << 15);
  count = 0;
  longest = 0;

  add(ms) {
    this.count++;
    if (ms > this.longest) this.longest = ms;
    this.#counts[Math.max(0, Math.round(Math.log(ms * 1000) * 1000))]++;
  }

  /** Latency in ms that `share` of the requests did not pass. */
  quantile(share) {
    let left = this.count * share;
    const at = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return Math.exp(at / 1000) / 1000;
  }
}

async function probe({ server, requestsPerS }) {
  await sendAll(server, KEYS, (i) => ["SET", probeKey(i), VALUE]);
  const histogram = new Histogram();
  const onLatency = (ms) => histogram.add(ms);
  const askers = Array.from({ length: CONNECTIONS }, (_, i) => new Asker(server.port, i, onLatency));
  let stopping = false;
  parentPort.on("message", () => {
    stopping = true;
  });
  parentPort.postMessage("ready");
  const stepMs = 1000 / requestsPerS;
  const startMs = performance.now();
  let sent = 0;
  // What has become due since the last tick is sent at once; its latency holds the time until that tick as well.
  const timer = setInterval(() => {
    if (stopping) {
      if (askers.some((asker) => asker.waiting > 0)) return;
      clearInterval(timer);
      for (const asker of askers) asker.close();
      const { count: requests, longest } = histogram;
      const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => histogram.quantile(share));
      parentPort.postMessage({ requests, p50, p99, p999, longest });
      parentPort.close();
      return;
    }
    const due = Math.floor((performance.now() - startMs) / stepMs);
    const each = Math.floor((due - sent) / CONNECTIONS);
    if (each === 0) return;
    for (const asker of askers) {
      asker.send(each, startMs + sent * stepMs, stepMs);
      sent += each;
    }
  }, TICK_MS);
}

if (parentPort !== null) await probe(workerData);
