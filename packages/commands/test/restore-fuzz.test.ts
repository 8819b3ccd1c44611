/** RESTORE of payloads that are damaged, with right checksums: an error and nothing has changed, or a value like any other, which is logged and goes. */
import { FOOTER_BYTES, putFooter } from "@hearthkv/rdb";
import { expect, test } from "vitest";
import { Random, seedOf } from "../../engine/test/support/random.js";
import { smallValues } from "../../rdb/test/small-values.js";
import { CommandRunner } from "./transcript.js";

const ROUNDS = 4000;
const KEYS = 5;

function payloadOf(value: Uint8Array): Buffer {
  const bytes = Buffer.concat([value, Buffer.alloc(FOOTER_BYTES)]);
  putFooter(bytes, 0, value.length);
  return bytes;
}

// Control: where the old key goes before the value has been read, an error changes the data.
test("prop: damaged payloads", () => {
  const random = new Random(seedOf("restore-fuzz"));
  const runner = new CommandRunner();
  const outcomes = { restored: 0, refused: 0 };
  for (let n = 0; n < ROUNDS; n++) {
    const value = Buffer.from(random.pick(smallValues));
    for (let hits = random.int(3); hits > 0; hits--)
      value[random.int(value.length)] = random.int(2) === 0 ? 255 : random.int(256);
    const length = random.int(8) === 0 ? random.int(value.length + 1) : value.length;
    const before = runner.keyspace.digest();
    const key = `k${random.int(KEYS)}`;
    const reply = runner.run(["RESTORE", key, "0", payloadOf(value.subarray(0, length)), "REPLACE"]);
    if (reply === "+OK\r\n") {
      outcomes.restored++;
      // Whatever reads the value finds its way.
      runner.run(["DUMP", key]);
      expect(runner.run(["EXISTS", key])).toBe(":1\r\n");
    } else {
      outcomes.refused++;
      expect(reply, `seed ${random.seed}, round ${n}`).toMatch(/^-ERR (Bad data format|DUMP payload version)/);
      expect(runner.keyspace.digest(), `seed ${random.seed}, round ${n}`).toBe(before);
    }
  }
  expect(Math.min(outcomes.restored, outcomes.refused)).toBeGreaterThan(ROUNDS / 20);
  expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
  for (let k = 0; k < KEYS; k++) runner.run(["DEL", `k${k}`]);
  expect(runner.keyspace.db(0).keys.size).toBe(0);
});
