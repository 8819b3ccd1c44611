/** RESTORE of payloads that are damaged, with right checksums: an error and nothing has changed, or a value like any other, which is logged and goes. */
import { FOOTER_BYTES, putFooter } from "@hearthkv/rdb";
import { expect, test } from "vitest";
import { oldForms } from "../../rdb/test/old-forms.js";
import { recordedPayloads, recordedStreams } from "../../rdb/test/recorded.js";
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
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.log(`restore-fuzz: SEED=${seed}`);
  let state = seed | 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const values = [
    ...oldForms.map(({ bytes }) => bytes),
    ...[...recordedPayloads.map(({ hex }) => hex), ...recordedStreams].map((hex) =>
      Buffer.from(hex, "hex").subarray(0, -FOOTER_BYTES),
    ),
  ].filter(({ length }) => length < 1000);
  const runner = new CommandRunner();
  const outcomes = { restored: 0, refused: 0 };
  for (let n = 0; n < ROUNDS; n++) {
    const value = Buffer.from(values[random(values.length)] as Buffer);
    for (let hits = random(3); hits > 0; hits--) value[random(value.length)] = random(2) === 0 ? 255 : random(256);
    const length = random(8) === 0 ? random(value.length + 1) : value.length;
    const before = runner.keyspace.digest();
    const key = `k${random(KEYS)}`;
    const reply = runner.run(["RESTORE", key, "0", payloadOf(value.subarray(0, length)), "REPLACE"]);
    if (reply === "+OK\r\n") {
      outcomes.restored++;
      // Whatever reads the value finds its way.
      runner.run(["DUMP", key]);
      expect(runner.run(["EXISTS", key])).toBe(":1\r\n");
    } else {
      outcomes.refused++;
      expect(reply, `SEED=${seed}, round ${n}`).toMatch(/^-ERR (Bad data format|DUMP payload version)/);
      expect(runner.keyspace.digest(), `SEED=${seed}, round ${n}`).toBe(before);
    }
  }
  expect(Math.min(outcomes.restored, outcomes.refused)).toBeGreaterThan(ROUNDS / 20);
  expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
  for (let k = 0; k < KEYS; k++) runner.run(["DEL", `k${k}`]);
  expect(runner.keyspace.db(0).keys.size).toBe(0);
});
