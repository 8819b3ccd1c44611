/** Operations and types that this version does not know, in a log and in a snapshot that are whole: one refusal that says where, in every mode. */
import { loadOrCreateManifest, realDisk, StorageError } from "@hearthkv/durability";
import { describeEntries, type EffectLog, Keyspace, UnknownCodeError } from "@hearthkv/engine";
import { afterAll, expect, it } from "vitest";
import { recoverInto } from "../../src/persistence/recover-into.js";
import { freshDirectory, openAt, removeDirectories, set } from "./open.js";

afterAll(removeDirectories);

const OP_RESTORE = 15;
const KEY = Buffer.from("key");

/** Control: a type that is decoded as a sorted set when it is none of the others starts the server. */
it.each<[string, (effects: EffectLog) => void]>([
  [
    "unknown operation type 250",
    (effects) => {
      effects.beginKey(250, 0, KEY, 0, KEY.length, 0);
    },
  ],
  [
    "unknown type 9",
    (effects) => {
      effects.beginKey(OP_RESTORE, 0, KEY, 0, KEY.length, 13);
      effects.u8(9);
      effects.i64(0);
      effects.u32(0);
    },
  ],
])("an %s in the log", async (text, begin) => {
  const path = freshDirectory();
  const { keyspace, persistence } = await openAt(path);
  set(keyspace, "before", "1");
  persistence.commit(Date.now());
  begin(keyspace.effects);
  keyspace.effects.end();
  persistence.commit(Date.now());
  await persistence.close({ snapshot: false });

  const { hashSeed } = loadOrCreateManifest(realDisk(path));
  for (const mode of ["strict", "torn-tail", "skip-corrupt"] as const) {
    const start = recoverInto(new Keyspace({ hashSeed, random: Math.random }), path, { mode });
    await expect(start).rejects.toBeInstanceOf(StorageError);
    await expect(start).rejects.toMatchObject({
      code: "newer-format",
      file: expect.stringMatching(/^wal-/),
      offset: expect.any(Number),
      sequence: 2,
      message: expect.stringContaining(text),
    });
  }
});

it("an unknown type in a snapshot leaves nothing behind", () => {
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  // type 9, no flags, a key of one byte, a slice without elements.
  const entry = Buffer.from([9, 0, 1, 0, 0, 0, 4, 0, 0, 0, 107, 0, 0, 0, 0]);
  expect(() => keyspace.loadEntries(0, entry, 0, entry.length)).toThrow(UnknownCodeError);
  expect(keyspace.db(0).keys.size).toBe(0);
  expect(() => describeEntries(entry, 0, entry.length, () => {})).toThrow(UnknownCodeError);
});
