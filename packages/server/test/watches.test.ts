/** How much work WATCH makes for those who do not use it. */
import { Keyspace } from "@hearthkv/engine";
import { expect, it } from "vitest";
import { Nobody } from "../src/clients/client-state.js";
import { Watches } from "../src/transactions/watches.js";

const KEYS = 500;
const CLIENTS = 20;

/**
 * Negative control: with a loop over the keys, and in it one over the things its client watches, as it once was, this was red: 5,000,000
 * looks instead of 10,000.
 */
it("looks at each watched thing once when a database is emptied", () => {
  const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });
  const watches = new Watches(() => {});
  let looks = 0;
  const clients = Array.from({ length: CLIENTS }, () => new Nobody(keyspace.db(0)));
  for (const client of clients) {
    for (let i = 0; i < KEYS; i++) {
      const watched = {
        db: 0,
        key: `k${i}`,
        get existed() {
          looks++;
          return false;
        },
      };
      watches.add(client, watched);
    }
  }
  watches.flushed(1);
  expect(looks).toBe(0);
  watches.flushed(0);
  expect(looks).toBe(CLIENTS * KEYS);
  expect(clients.some((client) => client.watchFailed)).toBe(false);

  for (const client of clients.slice(1)) watches.clear(client);
  looks = 0;
  watches.flushed(0);
  expect(looks).toBe(KEYS);
});
