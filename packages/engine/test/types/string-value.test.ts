/** A large string changes while a snapshot reads it as it was; its memory comes back. */
import { expect, test } from "vitest";
import { CHUNK_BYTES, Memory } from "../../src/memory.js";
import { ByteSink } from "../../src/types/byte-sink.js";
import { StringValue } from "../../src/types/string-value.js";
import { Random, seedOf } from "../support/random.js";

// Controls, each seen red: write() without keep(), keep() without what was handed out already, assign() and #grow() that give the buffer back at once.
test("prop: frozen bytes stay as they were, whatever is written, and all memory is given back", () => {
  const random = new Random(seedOf("string-value"));
  const memory = new Memory((buffer) => structuredClone(buffer, { transfer: [buffer] }));
  for (let round = 0; round < 150; round++) {
    const value = new StringValue(memory, random.int(3) * CHUNK_BYTES);
    let model = Buffer.alloc(CHUNK_BYTES + 1 + random.int(4 * CHUNK_BYTES), random.int(256));
    value.write(0, model, 0, model.length);
    const change = (): void => {
      const bytes = Buffer.alloc(random.pick([1, 100, random.int(2 * CHUNK_BYTES)]), random.int(256));
      const dice = random.int(8);
      if (dice === 0) {
        const whole = Buffer.alloc(CHUNK_BYTES + random.int(4 * CHUNK_BYTES), bytes[0] ?? 0);
        if (value.assign(whole, 0, whole.length)) model = whole;
        return;
      }
      const at = dice === 1 ? model.length + random.int(1000) : dice === 2 ? model.length : random.int(model.length);
      value.write(at, bytes, 0, bytes.length);
      const next = Buffer.alloc(Math.max(model.length, at + bytes.length));
      model.copy(next);
      bytes.copy(next, at);
      model = next;
    };
    const before = Buffer.from(model);
    const frozen = value.freeze();
    const sink = new ByteSink();
    let cursor = 0;
    const isGone = random.int(4) === 0;
    while (cursor >= 0) {
      for (let i = random.int(3); i > 0; i--) change();
      if (isGone && random.int(4) === 0) break;
      cursor = frozen.encodeEntries(cursor, sink, CHUNK_BYTES);
    }
    if (isGone) value.free();
    while (cursor >= 0) cursor = frozen.encodeEntries(cursor, sink, CHUNK_BYTES);
    expect(before.equals(sink.bytes.subarray(0, sink.length))).toBe(true);
    value.thaw();
    if (!isGone) {
      for (let i = 0; i < 3; i++) change();
      expect(value.size).toBe(model.length);
      expect(model.equals(value.buf.subarray(0, value.size))).toBe(true);
      value.free();
    }
    expect(memory.takenBytes).toBe(0);
  }
});
