/** SWAPDB: who watches and who waits, and what is there after kill -9, with snapshots before and behind the swaps. */
import { expect, test } from "vitest";
import { type RespClient, startHearth } from "../support/index.js";

const FLAGS = ["--enable-debug-command", "--snapshot-interval-s", "0"];

test("a transaction fails where the watched key is in either database, and runs where it is in neither", async () => {
  const hearth = await startHearth();
  const [client, other] = await Promise.all([hearth.connect(), hearth.connect()]);
  const runs = async (key: string) => {
    await client.ok("WATCH", key);
    await other.ok("SWAPDB", 0, 1);
    await client.ok("MULTI");
    await client.ok("PING");
    return (await client.send("EXEC")) !== null;
  };
  await client.ok("SET", "here", 1);
  await client.ok("SELECT", 1);
  await client.ok("SET", "there", 1);
  await client.ok("SELECT", 0);
  expect(await runs("here")).toBe(false);
  expect(await runs("here")).toBe(false);
  expect(await runs("there")).toBe(false);
  expect(await runs("there")).toBe(false);
  expect(await runs("nowhere")).toBe(true);
  await client.ok("WATCH", "here");
  await other.ok("SWAPDB", 2, 3);
  await client.ok("MULTI");
  expect(await client.send("EXEC")).not.toBeNull();
});

test("who waits in either database is served by what comes with the swap", async () => {
  const hearth = await startHearth();
  const [waiting, late, client] = await Promise.all([hearth.connect(), hearth.connect(), hearth.connect()]);
  const popped = waiting.send("BLPOP", "list", 0);
  await late.ok("SELECT", 1);
  const poppedLater = late.send("BLPOP", "list", 0);
  await client.ok("SELECT", 2);
  await client.ok("RPUSH", "list", "a", "b");
  await client.ok("SELECT", 0);
  await blocked(client, 2);
  await client.ok("SWAPDB", 0, 2);
  expect(await popped).toEqual(["list", "a"]);
  await client.ok("SWAPDB", 1, 0);
  expect(await poppedLater).toEqual(["list", "b"]);
});

async function blocked(client: RespClient, count: number): Promise<void> {
  while (!String(await client.ok("INFO", "clients")).includes(`blocked_clients:${count}`));
}

test("kill -9 and a start give what was there, whether the swaps are in the snapshot or behind it", async () => {
  let hearth = await startHearth({ flags: FLAGS });
  for (const isSaved of [false, true, false, true]) {
    const client = await hearth.connect();
    for (const [round, db] of [0, 1, 5, 0].entries()) {
      await client.ok("SELECT", db);
      await client.ok("SET", `key ${round}`, `in ${db}`);
      await client.ok("RPUSH", "list", ...Array.from({ length: 500 }, (_, i) => `element ${i}`));
      await client.send("MOVE", "list", 9);
      await client.ok("SWAPDB", db, (db + 3) % 7);
      if (isSaved && round === 1) await client.ok("SAVE");
      await client.ok("SET", `after ${round}`, db);
    }
    const digest = await client.ok("DEBUG", "DIGEST");
    await hearth.kill();
    hearth = await startHearth({ flags: FLAGS, dataDir: hearth.dataDir });
    const again = await hearth.connect();
    expect(await again.ok("DEBUG", "DIGEST")).toBe(digest);
  }
});
