import {
  OP_COPY,
  OP_DECR,
  OP_DELETE,
  OP_EXPIRE,
  OP_EXTEND_LOCK,
  OP_HASH_SET,
  OP_INCR,
  OP_LIST_POP,
  OP_LOCK,
  OP_MDEL,
  OP_MSET,
  OP_RENAME,
  OP_SET,
  OP_SET_REMOVE,
  OP_SETNX,
  OP_UNLOCK,
  OP_ZSET_ADD,
} from "@hearthkv/engine";
import { expect, test } from "vitest";
import { CommandRunner } from "./transcript.js";

const SETUP = [
  "SET s v",
  "SET n 5",
  "SET e v EX 100",
  "RPUSH l a b c",
  "SADD set a b",
  "HSET h f v",
  "ZADD z 1 a 2 b",
  "LOCK lock me 1000",
];

function prepared(): CommandRunner {
  const runner = new CommandRunner();
  for (const line of SETUP) runner.line(line);
  runner.logged.length = 0;
  return runner;
}

/** Writes that change nothing, for want of a key, by a condition, or by an error: replay needs to know nothing of them. */
const silent = [
  "GET s",
  "SET s v NX",
  "SET none v XX",
  "SETNX s w",
  "SET l v GET",
  "GETEX s",
  "GETEX s PERSIST",
  "GETDEL none",
  'SETRANGE none 0 ""',
  "MSETNX new 1 s 2",
  "INCR s",
  "INCRBYFLOAT s 1",
  "DEL none",
  "UNLINK none none2",
  "MDEL none",
  "EXPIRE none 10",
  "EXPIRE e 10 NX",
  "EXPIRE s 10 XX",
  "PERSIST s",
  "RENAME s s",
  "RENAME none x",
  "RENAMENX s n",
  "COPY s n",
  "COPY none x",
  "HSETNX h f w",
  "HDEL h none",
  "HDEL none f",
  "HINCRBY h f 1",
  "HINCRBYFLOAT h f 1",
  "LPUSHX none a",
  "LPOP none",
  "LPOP l 0",
  "BLPOP none 1",
  "SADD set a",
  "SREM set x",
  "SREM none x",
  "SPOP set 0",
  "SPOP none",
  "ZADD z 1 a",
  "ZADD z NX 9 a",
  "ZADD z GT 0 a",
  "ZADD none XX 1 a",
  "ZADD z 1 new nan bad",
  "ZINCRBY z 0 a",
  "ZREM z x",
  "ZPOPMIN z 0",
  "ZPOPMIN none",
  "LOCK lock other 1000",
  "UNLOCK lock other",
  "EXTENDLOCK lock other 1000",
  "OBJECT ENCODING s",
  "SCAN 0",
  "SRANDMEMBER set 2",
];

test.each(silent)("%s logs nothing", (line) => {
  const runner = prepared();
  const before = runner.keyspace.digest();
  runner.line(line);
  expect(runner.logged).toEqual([]);
  expect(runner.keyspace.digest()).toBe(before);
});

const loud: [line: string, op: number][] = [
  ["SET a v", OP_SET],
  ["SET a v EX 10", OP_SET],
  ["SET a v NX", OP_SETNX],
  ["SETNX a v", OP_SETNX],
  ["SETEX a 10 v", OP_SET],
  ["GETSET s v", OP_SET],
  ["GETDEL s", OP_DELETE],
  ["GETEX s EX 10", OP_EXPIRE],
  ["GETEX s EXAT 1", OP_DELETE],
  ["INCR n", OP_INCR],
  ["INCRBY n 9007199254740993", OP_INCR],
  ["DECRBY n 2", OP_DECR],
  ["INCRBYFLOAT n 1.5", OP_SET],
  ["MSET a 1 b 2", OP_MSET],
  ["MSETNX a 1 b 2", OP_MSET],
  ["DEL s", OP_DELETE],
  ["DEL s n none", OP_MDEL],
  ["MDEL s", OP_MDEL],
  ["EXPIRE s 10", OP_EXPIRE],
  ["EXPIRE s -1", OP_DELETE],
  ["PERSIST e", OP_EXPIRE],
  ["RENAME s t", OP_RENAME],
  ["RENAMENX h t", OP_RENAME],
  ["COPY s t", OP_COPY],
  ["COPY s s DB 3", OP_COPY],
  ["HINCRBY h m 1", OP_HASH_SET],
  ["LPOP l 2", OP_LIST_POP],
  ["BRPOP l 0", OP_LIST_POP],
  ["SPOP set", OP_SET_REMOVE],
  ["ZINCRBY z 1 a", OP_ZSET_ADD],
  ["LOCK free me 10", OP_LOCK],
  ["UNLOCK lock me", OP_UNLOCK],
  ["EXTENDLOCK lock me 10", OP_EXTEND_LOCK],
];

test.each(loud)("%s is one entry of operation %i", (line, op) => {
  const runner = prepared();
  runner.line(line);
  expect(runner.logged.map((entry) => entry.op)).toEqual([op]);
});

test("a lookup that finds a key expired logs its deletion", () => {
  const runner = prepared();
  runner.keyspace.nowMs += 100_001;
  expect(runner.line("GET e")).toBe("$-1");
  expect(runner.logged.map((entry) => entry.op)).toEqual([OP_DELETE]);
});
