/**
 * What a writer's keys must hold after a prefix of its commands: a small model of the commands that the crash tests use, and a text for
 * each key by which the model and a server are compared.
 *
 * The letter in a key's name says what it holds and how it is read back: `3:h:2` is a hash of writer 3.
 *
 *   s string   n counter   h hash   l list   z sorted set   x string with a TTL   e string with an exact time of expiry
 */
import { type Arg, encodeRequest, type Reply, type RespClient } from "../support/index.js";

/** The content of one key. */
export type Value = string | Map<string, string> | string[];

/** Keys that exist. */
export type State = Map<string, Value>;

/** One command, or one transaction: whole or not at all. */
export interface Operation {
  readonly requests: readonly (readonly Arg[])[];
  /** Keys that it may change. */
  readonly keys: readonly string[];
  /** Where its INCR of the key that all writers share stands in the requests; -1 = it has none. */
  readonly orderAt: number;
  apply(state: State): void;
}

/** The counter that all writers increment: its replies tell in which order the server ran their commands. */
export const ORDER_KEY = "order";

/** Far enough ahead that nothing expires during a test. */
export const TTL_S = 100_000;

/** The bytes of an operation. */
export function encodeOperation(operation: Operation): Buffer {
  return Buffer.concat(operation.requests.map(encodeRequest));
}

/** The content of a key as one text; undefined = there is no such key. */
export function describeValue(key: string, value: Value | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return kindOf(key) === "x" ? `${value} expires` : value;
  if (Array.isArray(value)) return value.join(",");
  const pairs = [...value].sort(kindOf(key) === "z" ? byScore : byName);
  return pairs.map(([name, content]) => `${name}=${content}`).join(",");
}

/** Reads everything that a server holds, as texts like those of `describeValue`. */
export async function readState(client: RespClient): Promise<Map<string, string>> {
  const keys = (await client.ok("KEYS", "*")) as string[];
  const replies = await client.pipeline(keys.flatMap(readRequests));
  const found = new Map<string, string>();
  let at = 0;
  for (const key of keys) {
    const count = readRequests(key).length;
    found.set(key, describeReplies(key, replies.slice(at, at + count)));
    at += count;
  }
  return found;
}

function readRequests(key: string): Arg[][] {
  switch (kindOf(key)) {
    case "h":
      return [["HGETALL", key]];
    case "l":
      return [["LRANGE", key, 0, -1]];
    case "z":
      return [["ZRANGE", key, 0, -1, "WITHSCORES"]];
    case "x":
      return [
        ["GET", key],
        ["PTTL", key],
      ];
    case "e":
      return [
        ["GET", key],
        ["PEXPIRETIME", key],
      ];
    default:
      return [
        ["GET", key],
        ["PTTL", key],
      ];
  }
}

function describeReplies(key: string, replies: readonly Reply[]): string {
  const [first, second] = replies;
  const wrong = replies.find((reply) => reply instanceof Error || reply === null);
  if (wrong !== undefined) return `unexpected ${wrong}`;
  switch (kindOf(key)) {
    case "h":
      return pairsOf(first).sort(byName).map(joinPair).join(",");
    case "z":
      return pairsOf(first).map(joinPair).join(",");
    case "l":
      return (first as string[]).join(",");
    case "x":
      return Number(second) > 0 && Number(second) <= TTL_S * 1000 ? `${first} expires` : `${first} with TTL ${second}`;
    case "e":
      return `${first}@${second}`;
    default:
      return second === -1 ? String(first) : `${first} with TTL ${second}`;
  }
}

function kindOf(key: string): string {
  return key.split(":")[1] ?? "n";
}

function pairsOf(reply: Reply | undefined): [string, string][] {
  const flat = reply as string[];
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] as string, flat[2 * i + 1] as string]);
}

function joinPair([name, content]: [string, string]): string {
  return `${name}=${content}`;
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}

function byScore([a, scoreA]: [string, string], [b, scoreB]: [string, string]): number {
  return Number(scoreA) - Number(scoreB) || (a < b ? -1 : 1);
}
