import { expect, test } from "vitest";
import { BlockPool } from "../src/block-pool.js";
import { CHUNK_BYTES, ChunkPool } from "../src/chunk-pool.js";
import { seeded } from "./types/seeded.js";

const FIRST_CHUNK_BYTES = 65_536;

test("prop: no two blocks overlap, whatever is taken and given; memory goes with the last block", () => {
  const { below } = seeded("block-pool");
  const pool = new BlockPool(new ChunkPool(() => {}));
  const blocks: { chunk: number; base: number; mark: number }[] = [];
  for (let step = 0; step < 20_000; step++) {
    if (below(100) < (step % 8000 < 4000 ? 60 : 40)) {
      const wanted = 1 + (below(50) === 0 ? below(300_000) : below(9000));
      const chunk = pool.take(wanted);
      const { base, size } = pool;
      expect(size).toBeGreaterThanOrEqual(wanted);
      const mark = step & 255;
      pool.bytes[chunk]?.fill(mark, base, base + size);
      blocks.push({ chunk, base, mark });
    } else if (blocks.length > 0) {
      const [given] = blocks.splice(below(blocks.length), 1);
      if (given === undefined) throw new Error("there is one");
      if (pool.bytes[given.chunk]?.[given.base] !== given.mark) throw new Error(`overwritten at step ${step}`);
      pool.give(given.chunk, given.base);
    }
  }
  for (const { chunk, base } of blocks) pool.give(chunk, base);
  expect(pool.usedBytes).toBe(0);
  // What stays is the first, small chunk of each size.
  expect(pool.totalBytes % FIRST_CHUNK_BYTES).toBe(0);
  expect(pool.totalBytes).toBeLessThan(20 * FIRST_CHUNK_BYTES);
});

test("a block taken and given back over and over at a chunk's end does not fetch and drop a chunk each time", () => {
  let fetched = 0;
  const chunks = new ChunkPool(() => {});
  const take = chunks.take.bind(chunks);
  chunks.take = () => {
    fetched++;
    return take();
  };
  const pool = new BlockPool(chunks);
  for (let i = 0; i < FIRST_CHUNK_BYTES / 8192; i++) pool.take(8192);
  for (let i = 0; i < 100; i++) pool.give(pool.take(8192), pool.base);
  expect(fetched).toBe(1);
  expect(pool.totalBytes).toBe(FIRST_CHUNK_BYTES + CHUNK_BYTES);
});
