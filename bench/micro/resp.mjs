/** The decoder and the writer of replies. */
import { defaultLimits, REQUEST, ReplyWriter, RequestDecoder } from "@hearthkv/resp";
import { encoded, keyName } from "./requests.mjs";

const BATCH = 64;
const VALUE = "v".repeat(64);
const times = (count, make) => Array.from({ length: count }, (_, i) => make(i));

/** Feeds the requests in chunks of `chunkBytes`, and finds all of them. */
function decoding(commands, chunkBytes = Number.POSITIVE_INFINITY, bytes = encoded(commands)) {
  const decoder = new RequestDecoder({ ...defaultLimits, open: true });
  const chunks = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  const run = () => {
    let found = 0;
    for (const chunk of chunks) {
      decoder.feed(chunk, chunk.length);
      while (decoder.next() === REQUEST) found++;
    }
    if (found !== commands.length) throw new Error(`${found} of ${commands.length} requests were found`);
  };
  return { operations: commands.length, run };
}

/** Writes `BATCH` replies. */
function writing(write) {
  const reply = new ReplyWriter();
  const run = () => {
    reply.reset();
    for (let i = 0; i < BATCH; i++) write(reply, i);
  };
  return { operations: BATCH, run };
}

const gets = times(BATCH, (i) => ["GET", keyName(i)]);
const sets = times(BATCH, (i) => ["SET", keyName(i), VALUE]);
const msets = times(BATCH, (i) => ["MSET", ...times(10, (k) => [keyName(i * 10 + k), VALUE]).flat()]);
const value = Buffer.from(VALUE);

/** By title; each makes what run.mjs measures: `run`, and how many `operations` that is. */
export const parts = {
  "decoder: GET": () => decoding(gets),
  "decoder: SET 64 B": () => decoding(sets),
  "decoder: MSET of 10": () => decoding(msets),
  "decoder: SET in pieces of 50 bytes": () => decoding(sets, 50),
  "decoder: inline GET": () => {
    return decoding(
      gets,
      Number.POSITIVE_INFINITY,
      Buffer.from(gets.map((words) => `${words.join(" ")}\r\n`).join("")),
    );
  },
  "writer: +OK": () => writing((reply) => reply.ok()),
  "writer: integer": () => writing((reply, i) => reply.int(i * 1000)),
  "writer: bulk 64 B": () => writing((reply) => reply.bulk(value, 0, value.length)),
  "writer: array of 100 bulks": () =>
    writing((reply) => {
      reply.array(100);
      for (let i = 0; i < 100; i++) reply.bulk(value, 0, value.length);
    }),
};
