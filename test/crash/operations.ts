/** The mixed commands of the crash tests. Every value names the command that wrote it, so that no two states are alike. */
import { type Operation, ORDER_KEY, type State, TTL_S } from "./model.js";
import type { Random } from "./random.js";

const KEYS_PER_KIND = 6;
const LIST_LENGTH_MAX = 40;
const PADDING_BYTES_MAX = 300;
/** More than a quarter of the log's ring: such an entry takes another way to the file. */
const HUGE_BYTES = 4.5 * 1024 * 1024;
/** One in so many strings is huge, one in so many is of some kilobytes. */
const HUGE_ONE_IN = 3000;
const LARGE_ONE_IN = 12;
const LARGE_BYTES_MAX = 30_000;
/** Of each of two elements: together more than a value that is logged whole when it moves. */
const PUBLISHED_BYTES = 40_000;

/** Makes the operations of one writer. */
export class OperationSource {
  readonly #writer: number;
  readonly #random: Random;

  constructor(writer: number, random: Random) {
    this.#writer = writer;
    this.#random = random;
  }

  /** @param mark unique to this operation; it becomes part of what is written */
  next(mark: string): Operation {
    const kind = this.#random.whole(0, 99);
    if (kind < 22) return this.#set(mark);
    if (kind < 32) return this.#increment();
    if (kind < 40) return this.#order();
    if (kind < 48) return this.#hashSet(mark);
    if (kind < 51) return this.#hashDelete();
    if (kind < 58) return this.#push(mark);
    if (kind < 61) return this.#pop();
    if (kind < 68) return this.#sortedSetAdd(mark);
    if (kind < 71) return this.#delete();
    if (kind < 75) return this.#setExpiring(mark);
    if (kind < 79) return this.#setExact(mark);
    if (kind < 83) return this.#setMany(mark);
    if (kind < 86) return this.#append(mark);
    if (kind < 88) return this.#rename(mark);
    if (kind < 89) return this.#publish(mark);
    if (kind < 90) return this.#copy();
    if (kind < 92) return this.#swap(mark);
    return this.#transaction(mark);
  }

  #key(kind: string): string {
    return `${this.#writer}:${kind}:${this.#random.whole(0, KEYS_PER_KIND - 1)}`;
  }

  #text(mark: string): string {
    const random = this.#random;
    if (random.whole(1, HUGE_ONE_IN) === 1) return mark.padEnd(HUGE_BYTES, ".");
    if (random.whole(1, LARGE_ONE_IN) === 1) return mark.padEnd(random.whole(1000, LARGE_BYTES_MAX), "-");
    return mark.padEnd(random.whole(mark.length, PADDING_BYTES_MAX), "_");
  }

  #set(mark: string): Operation {
    const key = this.#key("s");
    const text = this.#text(mark);
    return single(["SET", key, text], key, (state) => state.set(key, text));
  }

  #increment(): Operation {
    const key = this.#key("n");
    const by = this.#random.whole(-3, 5);
    const request = by === 1 ? ["INCR", key] : by < 0 ? ["DECRBY", key, -by] : ["INCRBY", key, by];
    return single(request, key, (state) => add(state, key, by));
  }

  #order(): Operation {
    const key = `${this.#writer}:n:order`;
    return {
      ...transaction([
        ["INCR", ORDER_KEY],
        ["INCR", key],
      ]),
      keys: [key],
      orderAt: 0,
      apply: (state) => add(state, key, 1),
    };
  }

  #hashSet(mark: string): Operation {
    const key = this.#key("h");
    const [a, b] = [`f${this.#random.whole(0, 9)}`, `g${this.#random.whole(0, 9)}`];
    return single(["HSET", key, a, mark, b, `${mark}b`], key, (state) => {
      const hash = mapAt(state, key);
      hash.set(a, mark).set(b, `${mark}b`);
    });
  }

  #hashDelete(): Operation {
    const key = this.#key("h");
    const field = `f${this.#random.whole(0, 9)}`;
    return single(["HDEL", key, field], key, (state) => {
      const hash = mapAt(state, key);
      hash.delete(field);
      if (hash.size === 0) state.delete(key);
    });
  }

  #push(mark: string): Operation {
    const key = this.#key("l");
    return single(["RPUSH", key, mark, `${mark}b`], key, (state) => push(state, key, mark, `${mark}b`));
  }

  #pop(): Operation {
    const key = this.#key("l");
    return single(["LPOP", key, LIST_LENGTH_MAX], key, (state) => {
      const rest = ((state.get(key) ?? []) as string[]).slice(LIST_LENGTH_MAX);
      if (rest.length === 0) state.delete(key);
      else state.set(key, rest);
    });
  }

  #sortedSetAdd(mark: string): Operation {
    const key = this.#key("z");
    const member = `m${this.#random.whole(0, 15)}`;
    const score = `${this.#random.whole(-1000, 1000)}`;
    return single(["ZADD", key, score, member, 7, mark.slice(0, 4)], key, (state) => {
      const set = mapAt(state, key);
      set.set(member, score).set(mark.slice(0, 4), "7");
    });
  }

  #delete(): Operation {
    const keys = [this.#key("s"), this.#key("h"), this.#key("l"), this.#key("z"), this.#key("x")];
    const chosen = keys.slice(this.#random.whole(0, 3));
    return {
      requests: [["DEL", ...chosen]],
      keys: chosen,
      orderAt: -1,
      apply: (state) => {
        for (const key of chosen) state.delete(key);
      },
    };
  }

  #setExpiring(mark: string): Operation {
    const key = this.#key("x");
    return single(["SETEX", key, TTL_S, mark], key, (state) => state.set(key, mark));
  }

  #setExact(mark: string): Operation {
    const key = this.#key("e");
    const at = Date.now() + TTL_S * 1000 + this.#random.whole(0, 1000);
    return single(["SET", key, mark, "PXAT", at], key, (state) => state.set(key, `${mark}@${at}`));
  }

  #setMany(mark: string): Operation {
    const [a, b] = [`${this.#writer}:s:0`, `${this.#writer}:s:1`];
    return {
      requests: [["MSET", a, `${mark}a`, b, `${mark}b`]],
      keys: [a, b],
      orderAt: -1,
      apply: (state) => state.set(a, `${mark}a`).set(b, `${mark}b`),
    };
  }

  #append(mark: string): Operation {
    const key = `${this.#writer}:s:append`;
    if (this.#random.whole(0, 9) === 0) return single(["SET", key, mark], key, (state) => state.set(key, mark));
    return single(["APPEND", key, mark], key, (state) => state.set(key, `${state.get(key) ?? ""}${mark}`));
  }

  /** A key of another shard comes into being and the old one goes, in a transaction that makes sure that there is something to rename. */
  #rename(mark: string): Operation {
    const [from, to] = [`${this.#writer}:s:from`, this.#key("s")];
    return {
      ...transaction([
        ["SET", from, mark],
        ["RENAME", from, to],
      ]),
      keys: [from, to],
      orderAt: -1,
      apply: (state) => state.set(to, mark),
    };
  }

  /** A list so large that its bytes are not in the log a second time, made, copied and renamed by one entry. */
  #publish(mark: string): Operation {
    const [from, copy, to] = [`${this.#writer}:l:from`, `${this.#writer}:l:copy`, this.#key("l")];
    const elements = [mark.padEnd(PUBLISHED_BYTES, "a"), mark.padEnd(PUBLISHED_BYTES, "b")];
    return {
      ...transaction([
        ["RPUSH", from, ...elements],
        ["COPY", from, copy, "REPLACE"],
        ["RENAME", from, to],
      ]),
      keys: [from, copy, to],
      orderAt: -1,
      apply: (state) => state.set(copy, [...elements]).set(to, [...elements]),
    };
  }

  /** Of what was published last, if anything. */
  #copy(): Operation {
    const [from, to] = [`${this.#writer}:l:copy`, this.#key("l")];
    return single(["COPY", from, to, "REPLACE"], to, (state) => {
      const list = state.get(from) as string[] | undefined;
      if (list !== undefined) state.set(to, [...list]);
    });
  }

  /** Through two other databases, which are empty before and after and have exchanged their places then: for the other writers, too. */
  #swap(mark: string): Operation {
    const key = this.#key("s");
    return {
      ...transaction([
        ["SET", key, mark],
        ["MOVE", key, 2],
        ["SWAPDB", 2, 3],
        ["SELECT", 3],
        ["MOVE", key, 0],
        ["SELECT", 0],
      ]),
      keys: [key],
      orderAt: -1,
      apply: (state) => state.set(key, mark),
    };
  }

  /** Several types and several shards: half of it is no state of any prefix. */
  #transaction(mark: string): Operation {
    const writer = this.#writer;
    const [a, b, list, hash] = [`${writer}:s:pair-a`, `${writer}:s:pair-b`, `${writer}:l:pair`, this.#key("h")];
    const drop = this.#random.whole(0, 9) === 0;
    return {
      ...transaction([
        ["SET", a, mark],
        ["INCR", ORDER_KEY],
        drop ? ["DEL", list] : ["RPUSH", list, mark],
        ["HSET", hash, "pair", mark],
        ["SET", b, mark],
      ]),
      keys: [a, b, list, hash],
      orderAt: 1,
      apply: (state) => {
        state.set(a, mark).set(b, mark);
        if (drop) state.delete(list);
        else push(state, list, mark);
        mapAt(state, hash).set("pair", mark);
      },
    };
  }
}

function single(request: (string | number)[], key: string, apply: (state: State) => unknown): Operation {
  return { requests: [request], keys: [key], orderAt: -1, apply };
}

function transaction(requests: (string | number)[][]): Pick<Operation, "requests"> {
  return { requests: [["MULTI"], ...requests, ["EXEC"]] };
}

function add(state: State, key: string, by: number): void {
  state.set(key, String(Number(state.get(key) ?? 0) + by));
}

function mapAt(state: State, key: string): Map<string, string> {
  const map = (state.get(key) as Map<string, string> | undefined) ?? new Map<string, string>();
  state.set(key, map);
  return map;
}

function push(state: State, key: string, ...texts: string[]): void {
  const list = (state.get(key) ?? []) as string[];
  list.push(...texts);
  state.set(key, list);
}
