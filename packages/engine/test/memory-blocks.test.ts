import { expect, test } from "vitest";
import { Arena } from "../src/arena.js";
import { CHUNK_BYTES, Memory, SLAB_BYTES, SLAB_SHIFT, UNIT_MASK } from "../src/memory.js";
import { seeded } from "./types/seeded.js";

function detached(): Memory {
  return new Memory((buffer) => structuredClone(buffer, { transfer: [buffer] }));
}

// Control: a run that begins one chunk too early, a block that is linked as given while its chunk is dropped: each seen red.
test("prop: no two blocks overlap, whatever is taken and given; all memory goes with the last block", () => {
  const { below } = seeded("memory-blocks");
  const memory = detached();
  const blocks: { address: number; mark: number }[] = [];
  const sizes = [100, 1100, 9000, 140_000, 3_000_000, SLAB_BYTES];
  for (let step = 0; step < 30_000; step++) {
    if (below(100) < (step % 8000 < 4000 ? 60 : 40)) {
      const wanted = 1 + below(sizes[below(100) < 95 ? below(3) : below(sizes.length)] as number);
      const address = memory.take(wanted);
      expect(memory.sizeOf(address)).toBeGreaterThanOrEqual(wanted);
      const mark = step & 255;
      const view = memory.view(address);
      view[0] = mark;
      view[view.length - 1] = mark;
      if (view.length < 100_000) view.fill(mark);
      blocks.push({ address, mark });
    } else if (blocks.length > 0) {
      const [given] = blocks.splice(below(blocks.length), 1);
      if (given === undefined) throw new Error("there is one");
      const view = memory.view(given.address);
      const middle = view.length < 100_000 ? view[view.length >> 1] : given.mark;
      if (view[0] !== given.mark || view.at(-1) !== given.mark || middle !== given.mark)
        throw new Error(`overwritten at step ${step}`);
      memory.give(given.address);
    }
    if (step % 500 === 0) memory.releaseSlab();
  }
  for (const { address } of blocks) memory.give(address);
  expect(memory.takenBytes).toBe(0);
  while (memory.releaseSlab());
  expect(memory.heldBytes).toBe(0);
});

test("an address is the number of a slab and a unit of 8 bytes in it, and leads to the begin of its block", () => {
  const memory = detached();
  for (const size of [1024, 4096, 16_384, 65_536, CHUNK_BYTES, 3 * CHUNK_BYTES]) {
    memory.take(size);
    const address = memory.take(size);
    const at = (address & UNIT_MASK) << 3;
    memory.bytes[address >>> SLAB_SHIFT]?.fill(7, at, at + size);
    expect(
      memory
        .view(address)
        .subarray(0, size)
        .every((byte) => byte === 7),
    ).toBe(true);
    for (const unit of [0, 2, 127]) expect(memory.blockOf(address + unit)).toBe(address);
  }
});

test("what is larger than a slab has one of its own, which goes with it", () => {
  const released: number[] = [];
  const memory = new Memory((buffer) => released.push(buffer.byteLength));
  const address = memory.take(SLAB_BYTES + 1);
  expect([memory.sizeOf(address), memory.blockOf(address + 2)]).toEqual([SLAB_BYTES + 8, address]);
  memory.give(address);
  expect([memory.heldBytes, released]).toEqual([0, [SLAB_BYTES + 8]]);
});

test("a memory ends at 32 GB, with an error that says so, and goes on when something is given back", () => {
  const memory = detached();
  // As if all slabs but the last two were taken.
  for (const views of [memory.words, memory.bytes, memory.doubles]) views.length = 1022;
  const taken = [memory.take(SLAB_BYTES), memory.take(SLAB_BYTES)];
  expect(() => memory.take(64)).toThrow("a memory of 32 GB is full");
  expect(taken.map((address) => address >>> SLAB_SHIFT)).toEqual([1022, 1023]);
  const [, highest = 0] = taken;
  expect(memory.blockOf(highest + 5)).toBe(highest);
  memory.give(highest);
  const small = memory.take(64);
  expect(small).toBe(highest);
  expect(memory.view(small).length).toBe(64);
});

// The end of slab 511 is the first address below zero, that of slab 1023 wraps to zero. Control: without `| 0` in alloc or resizeLast it is red.
test.each([511, 1023])("an arena fills slab %i to its end", (last) => {
  const memory = detached();
  for (const views of [memory.words, memory.bytes, memory.doubles]) views.length = last;
  const arena = new Arena(memory);
  const refs = new Set<number>();
  const others = SLAB_BYTES - CHUNK_BYTES;
  for (let bytes = 0; bytes < others; bytes += CHUNK_BYTES) memory.take(CHUNK_BYTES);
  // Two fill the last chunk.
  const record = CHUNK_BYTES / 2 - 8;
  for (let i = 0; i < 2; i++) refs.add(arena.alloc(record));
  expect([...refs].map((ref) => ref >>> SLAB_SHIFT)).toEqual([last, last]);
  expect(arena.filledBytes).toBe(CHUNK_BYTES);
  const [first = 0, second = 0] = refs;
  expect(arena.resizeLast(second, record, record + 8)).toBe(false);
  expect(arena.resizeLast(second, record, record - 8)).toBe(true);
  expect(arena.resizeLast(second, record - 8, record)).toBe(true);
  arena.free(first, record);
  arena.free(second, record);
  arena.clear();
  expect(memory.takenBytes).toBe(others);
});
