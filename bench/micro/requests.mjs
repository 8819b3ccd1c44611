/** Requests for the parts, and what stands in for the server around a command: the log's ring and the reply. */
import { makeCommandTable } from "@hearthkv/commands";
import { Keyspace } from "@hearthkv/engine";
import { ReplyWriter, Request } from "@hearthkv/resp";

const commandTable = makeCommandTable();

const RING_BYTES = 1 << 20;
const ENTRY_HEAD_BYTES = 64;

let scale = 1;

/** Makes all sizes this many times as large; to be called before the parts are imported. */
export function setScale(factor) {
  scale = factor;
}

/** A number of keys, elements or requests at this scale. */
export function sized(count) {
  return Math.max(1, Math.round(count * scale));
}

/** The name of key number `i`, 16 bytes. */
export function keyName(i) {
  return `key:${String(i).padStart(12, "0")}`;
}

/** `count` things made of numbers below `range`: in an order without a pattern, and the same in every run. */
export function scattered(count, range, make) {
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return make((state >>> 8) % range);
  });
}

/** Commands as a client sends them, one after the other. */
export function encoded(commands) {
  const words = (list) => list.map((word) => `$${String(word).length}\r\n${word}\r\n`).join("");
  return Buffer.from(commands.map((list) => `*${list.length}\r\n${words(list)}`).join(""), "latin1");
}

/** An empty keyspace; its log is on, as in a server. */
export function newKeyspace() {
  const keyspace = new Keyspace({ hashSeed: Buffer.from("hearthkv"), random: Math.random });
  keyspace.nowMs = Date.now();
  keyspace.effects.enabled = true;
  return keyspace;
}

/** Runs commands against a keyspace of their own, through the table, each logged into a ring that nobody reads. */
export class Runner {
  keyspace = newKeyspace();
  reply = new ReplyWriter();
  #ring = new Uint8Array(RING_BYTES);
  #context = {
    request: new Request(),
    reply: this.reply,
    keyspace: this.keyspace,
    db: this.keyspace.db(0),
    session: null,
    host: null,
    row: null,
    events: { classes: 0, tell() {} },
    denyBlocking: true,
  };

  /** The request of a command, and its row of the table. */
  prepare(words) {
    const request = Request.of(...words.map(String));
    return { request, row: commandTable.resolve(request) };
  }

  /** Runs a prepared command. Its reply is in `reply`, its log bytes in `keyspace.effects`. */
  execute({ request, row }) {
    const context = this.#context;
    this.keyspace.effects.target(this.#ring, ENTRY_HEAD_BYTES, RING_BYTES - ENTRY_HEAD_BYTES);
    this.reply.reset();
    context.request = request;
    context.row = row;
    row.run(context);
  }

  /** Runs commands once; an error reply throws. */
  load(commands) {
    for (const words of commands) {
      this.execute(this.prepare(words));
      const text = this.reply.bytes.toString("latin1", 0, Math.min(this.reply.length, 200));
      if (text.startsWith("-")) throw new Error(`${words.join(" ").slice(0, 100)}: ${text}`);
    }
  }
}
