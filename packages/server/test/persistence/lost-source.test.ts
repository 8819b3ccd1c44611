/** An entry that names a key whose value it needs, in a log that does not have the entry that made it. */
import { loadOrCreateManifest, realDisk } from "@hearthkv/durability";
import { type Database, Keyspace } from "@hearthkv/engine";
import { afterAll, expect, test } from "vitest";
import { recoverInto } from "../../src/persistence/recover-into.js";
import { freshDirectory, openAt, removeDirectories } from "./open.js";

afterAll(removeDirectories);

const SOURCE = [Buffer.from("source"), 0, 6] as const;
const TARGET = [Buffer.from("target"), 0, 6] as const;

// Control: without the look at `lostSources` the strict start serves what "target" held before.
test.each<[string, (db: Database) => unknown]>([
  ["rename", (db) => db.rename(...SOURCE, ...TARGET)],
  ["copy", (db) => db.copyTo(...SOURCE, db, ...TARGET)],
])("%s: a start is refused, and skip-corrupt does without both and counts them", async (_name, move) => {
  const path = freshDirectory();
  const { keyspace, persistence } = await openAt(path);
  const db = keyspace.db(0);
  db.strings.set(...TARGET, Buffer.from("stale"), 0, 5, 0);
  persistence.commit(Date.now());
  keyspace.effects.enabled = false;
  db.strings.set(...SOURCE, Buffer.from("value"), 0, 5, 0);
  keyspace.effects.enabled = true;
  move(db);
  persistence.commit(Date.now());
  await persistence.close({ snapshot: false });

  const { hashSeed } = loadOrCreateManifest(realDisk(path));
  const start = async (mode: "strict" | "skip-corrupt", messages: string[]) => {
    const found = new Keyspace({ hashSeed, random: Math.random });
    await recoverInto(found, path, { mode, log: (_level, message) => messages.push(message) });
    return found;
  };
  await expect(start("strict", [])).rejects.toMatchObject({
    code: "corrupt-entry",
    sequence: 2,
    message: expect.stringContaining("names a key that is not there"),
  });
  const messages: string[] = [];
  const found = await start("skip-corrupt", messages);
  expect(found.db(0).keys.size).toBe(0);
  expect(messages).toContain("1 RENAME, MOVE or COPY had no source: it was in entries that are damaged");
});
