/** Operations that this version does not know. Their rows, and what they hold, are in describe.test.ts and prop-keyspace.test.ts. */
import { expect, it } from "vitest";
import { Keyspace, UnknownCodeError } from "../src/index.js";
import { OP_BATCH, OP_DELETE, OP_MSET, OP_SET } from "../src/ops.js";

const KEY = Buffer.from("key");
/** [ db:1 | keyBytes:4 | key ] */
const BODY = Buffer.from("\0\x03\0\0\0key", "latin1");

function keyspaceWithKey(): Keyspace {
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  keyspace.db(0).strings.set(KEY, 0, 3, KEY, 0, 3, 0);
  return keyspace;
}

/**
 * Of an operation that nobody knows, nobody knows either which keys it has: that a snapshot holds the first one says nothing. Control: where the
 * row is looked for behind the key, and the stamp, the entry below the stamp passes.
 */
it.each([250, 0, OP_BATCH + 200])("operation %i is refused, also where the snapshot seems to have it", (op) => {
  const keyspace = keyspaceWithKey();
  keyspace.setDefaultStamp(10);
  for (const sequence of [5, 11]) {
    expect(() => keyspace.replay(op, sequence, BODY, 0, BODY.length)).toThrow(UnknownCodeError);
    expect(() => keyspace.replay(op, sequence, BODY, 0, BODY.length)).toThrow(`unknown operation type ${op}`);
  }
  expect(keyspace.db(0).keys.size).toBe(1);
});

it("in a batch what came before it is applied, and it is refused", () => {
  const keyspace = keyspaceWithKey();
  const frame = (op: number) => Buffer.concat([Buffer.from([op, BODY.length, 0, 0, 0]), BODY]);
  const batch = Buffer.concat([frame(OP_DELETE), frame(250)]);
  expect(() => keyspace.replay(OP_BATCH, 1, batch, 0, batch.length)).toThrow("unknown operation type 250");
  expect(keyspace.db(0).keys.size).toBe(0);
});

// The control, seen red: the hashes of the last batch are only forgotten where the next one has a key.
it("a key that takes the place of another one in the buffer has a hash of its own", () => {
  const keyspace = keyspaceWithKey();
  const window = Buffer.alloc(64);
  const read = (op: number, sequence: number, off: number, payload: string) => {
    const len = window.write(payload, off, "latin1");
    keyspace.replayAhead(1, Uint8Array.of(op), window, Int32Array.of(off), Int32Array.of(len));
    keyspace.replay(op, sequence, window, off, len);
  };
  read(OP_SET, 1, 4, "\0\x03\0\0\0one\0value");
  read(OP_MSET, 2, 0, "\0\x01\0\0\0\x03\0\0\0two\x05\0\0\0value");
  keyspace.endReplay();
  for (const name of ["one", "two"]) expect(keyspace.db(0).keys.lookup(Buffer.from(name), 0, 3)).not.toBe(0);
});
