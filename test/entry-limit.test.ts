/**
 * A log entry has an end. Whatever a command or a transaction would log beyond it is refused before memory changes: in every command that writes,
 * also those of which nobody thought here. The limit is scaled down from a gigabyte to some bytes.
 *
 * Seen red with a limit that is looked at behind the change, in mutators that change first (SETRANGE), and with a limit that is not looked at
 * when a second mutation begins.
 */
import { makeCommandTable } from "@hearthkv/commands";
import { Keyspace } from "@hearthkv/engine";
import { Request } from "@hearthkv/resp";
import { afterAll, describe, expect, it } from "vitest";
import { Nobody } from "../packages/server/src/clients/client-state.js";
import { type FakePersistence, serveFake } from "../packages/server/test/support/fake-persistence.js";
import { Generator } from "./differential/generator.js";
import { chooseSeed, Random } from "./differential/random.js";

/** So many at least, and then until every command that writes was refused. */
const COMMANDS = 3000;
const COMMANDS_MAX = 100_000;
const NO_LIMIT = 1 << 20;
/** Their turn comes at the end: chance seldom gives them what they need. */
const NEED_A_STATE = ["unlock", "extendlock", "flushall", "linsert", "lrem", "smove"];
/** Logs nothing before another server has answered. */
const LATE = "migrate";
const REFUSED = "-ERR nothing was changed: the log takes ";

class Client extends Nobody {
  override readonly authenticated = true;
}

function newKeyspace(): Keyspace {
  return new Keyspace({ hashSeed: Buffer.alloc(8, 7), random: Math.random });
}

const commandTable = makeCommandTable();
const keyspace = newKeyspace();
const { core, persistence, stop } = await serveFake(keyspace);
afterAll(stop);

/** A second keyspace that has nothing but what was logged. */
class Follower {
  readonly #keyspace = newKeyspace();
  #next = 0;

  digest(persistence: FakePersistence): string {
    const { entries, payloads } = persistence;
    for (; this.#next < entries.length; this.#next++) {
      const payload = payloads[this.#next] as Buffer;
      this.#keyspace.replay(entries[this.#next] as number, this.#next + 1, payload, 0, payload.length);
    }
    this.#keyspace.nowMs = keyspace.nowMs;
    const digest = this.#keyspace.digest();
    this.#keyspace.nowMs = 0;
    return digest;
  }
}

const follower = new Follower();

/** Runs one request, and takes what it may wait for from it again. */
function run(client: Client, args: readonly string[]): string {
  const { dispatcher } = core;
  const mark = dispatcher.reply.length;
  dispatcher.execute(client, Request.of(...args));
  const text = dispatcher.reply.bytes.toString("latin1", mark, dispatcher.reply.length);
  dispatcher.reply.length = mark;
  core.blocking.remove(client);
  client.halt = 0;
  return text;
}

function transaction(...commands: (readonly string[])[]): string[] {
  const client = new Client(keyspace.db(0));
  core.dispatcher.begin(client);
  run(client, ["MULTI"]);
  for (const args of commands) run(client, args);
  const reply = run(client, ["EXEC"]);
  core.dispatcher.end();
  return reply.split("\r\n").slice(1, -1);
}

const value = (bytes: number): string => "x".repeat(bytes);

describe("with entries of at most 4000 bytes", () => {
  const tooLarge = `${REFUSED}4000 bytes at most of what one command, or all of a transaction, changes`;

  function fresh(): void {
    persistence.limitEntries(1 << 20);
    transaction(["FLUSHALL"]);
  }

  it("a transaction's commands share one entry: what does not fit is refused, the others go on", () => {
    fresh();
    persistence.limitEntries(4000);
    expect(
      transaction(["SET", "a", value(1500)], ["SET", "b", value(1500)], ["SET", "c", value(1500)], ["SET", "d", "1"]),
    ).toEqual(["+OK", "+OK", tooLarge, "+OK"]);
    expect(transaction(["EXISTS", "a", "b", "c", "d"])).toEqual([":3"]);
    expect(follower.digest(persistence)).toBe(keyspace.digest());
  });

  it("SPOP names what it takes, ZPOPMIN how many; to take all is a deletion", () => {
    fresh();
    for (let i = 0; i < 9; i++) {
      transaction(["SADD", "set", `${i}${value(900)}`], ["ZADD", "zset", `${i}`, `${i}${value(900)}`]);
    }
    persistence.limitEntries(4000);
    expect(transaction(["SPOP", "set", "8"])).toEqual([tooLarge]);
    expect(transaction(["SCARD", "set"])).toEqual([":9"]);
    expect(transaction(["SPOP", "set", "4"])[0]).toBe("*4");
    expect(transaction(["ZPOPMAX", "zset", "8"])[0]).toBe("*16");
    expect(transaction(["SPOP", "set", "5"])[0]).toBe("*5");
    expect(transaction(["ZPOPMIN", "zset", "9"])[0]).toBe("*2");
    expect(transaction(["EXISTS", "set", "zset"])).toEqual([":0"]);
    expect(follower.digest(persistence)).toBe(keyspace.digest());
  });
});

it("prop: a write that the entry has no room for changes nothing, whatever it is, and memory is what the log says", () => {
  const seed = chooseSeed();
  console.log(`HEARTHKV_SEED=${seed} repeats this run`);
  const random = new Random(seed);
  const generator = new Generator(random, 2);
  const client = new Client(keyspace.db(0));
  const sent = { inMulti: false };
  const refused = new Set<string>();

  /** Of the data, as long as nothing was logged since; "" = not known. */
  let digest = "";

  /** Runs a command; where it is refused, the data must be as before. */
  const attempt = (args: readonly string[]): void => {
    if (digest === "") digest = keyspace.digest();
    const logged = persistence.payloads.length;
    const reply = run(client, args);
    if (persistence.payloads.length > logged) digest = "";
    if (!reply.startsWith(REFUSED)) return;
    expect([args, keyspace.digest()]).toEqual([args, digest]);
    const row = commandTable.resolve(Request.of(...args));
    if (row !== undefined) refused.add(row.name);
  };

  const writes = [...commandTable.allRows()]
    .filter((row) => row.flags.includes("write") && row.name !== LATE)
    .map(({ name }) => name);
  const missing = (): string[] => writes.filter((name) => !refused.has(name) && !NEED_A_STATE.includes(name));
  for (let done = 0; done < COMMANDS || (done < COMMANDS_MAX && missing().length > 0); ) {
    const limit = random.pick([0, 0, 0, 30, 100, 400, NO_LIMIT, NO_LIMIT, NO_LIMIT]);
    const first = persistence.payloads.length;
    persistence.limitEntries(limit);
    core.dispatcher.begin(client);
    digest = "";
    for (const { args } of generator.batch(10, sent)) {
      if (limit === NO_LIMIT) run(client, args);
      else attempt(args);
      done++;
    }
    for (const payload of persistence.payloads.slice(first)) expect(payload.length).toBeLessThanOrEqual(limit);
    core.dispatcher.end();
    if (random.int(0, 9) > 0) continue;
    expect(follower.digest(persistence)).toBe(keyspace.digest());
    // With few keys a digest takes little time.
    if (keyspace.databases().some((db) => db.keys.size > 60)) {
      persistence.limitEntries(NO_LIMIT);
      keyspace.flush(-1);
      core.dispatcher.commitChores();
    }
  }
  if (sent.inMulti) run(client, ["DISCARD"]);
  client.dbIndex = 0;
  client.db = keyspace.db(0);
  core.dispatcher.begin(client);
  persistence.limitEntries(NO_LIMIT);
  run(client, ["LOCK", "a lock", "owner", "100000"]);
  run(client, ["RPUSH", "a list", "a", "b"]);
  run(client, ["SADD", "a set", "a", "b"]);
  persistence.limitEntries(0);
  digest = "";
  attempt(["EXTENDLOCK", "a lock", "owner", "100000"]);
  attempt(["UNLOCK", "a lock", "owner"]);
  attempt(["LINSERT", "a list", "BEFORE", "b", "c"]);
  attempt(["LREM", "a list", "0", "a"]);
  attempt(["SMOVE", "a set", "another set", "a"]);
  attempt(["FLUSHALL"]);
  core.dispatcher.end();
  expect(writes.filter((name) => !refused.has(name))).toEqual([]);
}, 600_000);
