/** Calls that wait for keys, without a server: when they try again, and what they keep from when they began to wait. */
import type { BlockingCall, TableRow } from "@hearthkv/commands";
import { Keyspace, TYPE_HASH, TYPE_LIST } from "@hearthkv/engine";
import { Request } from "@hearthkv/resp";
import { expect, it } from "vitest";
import { Nobody } from "../src/clients/client-state.js";
import { Clock } from "../src/clock.js";
import { Blocking } from "../src/waiting/blocking.js";
import { KeyWatch } from "../src/waiting/key-observer.js";

/** A list of waiting calls; each notes its name when it tries, and has got what it wanted once it stands in `served`. */
class Waiting {
  readonly keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  readonly served = new Set<string>();
  readonly tried: string[] = [];
  readonly #watch = new KeyWatch(this.keyspace);
  readonly blocking: Blocking = new Blocking(
    this.keyspace,
    new Clock(),
    () => ({
      retry: ({ asked, request }) => asked.retry({ request } as never),
      timedOut: () => {},
      unblocked: () => {},
    }),
    () => this.#watch.update(),
  );

  constructor() {
    this.#watch.listen([this.blocking]);
  }

  wait(name: string, type: number, ...keys: string[]): Nobody {
    const client = new Nobody(this.keyspace.db(0));
    const call: BlockingCall = {
      ...{ type, keys, timeoutMs: 0, over: () => {} },
      retry: ({ request }) => {
        this.tried.push(`${name} ${request.str(1)}`);
        return this.served.has(name);
      },
    };
    const request = Request.of("x", name);
    this.blocking.add(client, {} as TableRow, request, call);
    // The bytes of a request are the decoder's, who uses them again.
    request.buf.fill(0);
    return client;
  }

  push(key: string): string[] {
    const { buf, off, len } = Request.of(key, "element");
    this.keyspace.db(0).lists.push(buf, off[0], len[0], 0, buf, off, len, 1, 1);
    this.tried.length = 0;
    this.blocking.serve();
    return [...this.tried];
  }
}

it("tries those that wait for the key and its type, in the order in which they came, until they have what they want", () => {
  const waiting = new Waiting();
  const a = waiting.wait("a", TYPE_LIST, "k", "l");
  waiting.wait("b", TYPE_HASH, "k");
  const c = waiting.wait("c", TYPE_LIST, "k");
  expect(waiting.push("other")).toEqual([]);
  expect(waiting.push("k")).toEqual(["a a", "c c"]);
  expect([a.blocked, c.blocked, waiting.blocking.size]).toEqual([true, true, 3]);
  waiting.served.add("c");
  expect(waiting.push("k")).toEqual(["a a", "c c"]);
  expect([a.blocked, c.blocked, waiting.blocking.size]).toEqual([true, false, 2]);
  expect(waiting.push("k")).toEqual(["a a"]);
  waiting.served.add("a");
  expect(waiting.push("l")).toEqual(["a a"]);
  expect(waiting.push("k")).toEqual([]);
  expect(a.blocked).toBe(false);
});
