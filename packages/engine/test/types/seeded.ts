import { hashSeed } from "../../src/hash.js";
import { KeyHashes } from "../../src/key-hashes.js";
import { Memory } from "../../src/memory.js";
import type { TableHome } from "../../src/types/member-table.js";

/** A repeatable random source. */
export interface Seeded {
  /** [0, 1), as the engine is given it. */
  random: () => number;
  /** An integer in 0 .. below-1. */
  below: (below: number) => number;
}

/** Random source of a test; prints its seed. HEARTHKV_TEST_SEED repeats a run. */
export function seeded(name: string): Seeded {
  const seed = Number(process.env.HEARTHKV_TEST_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${name}: HEARTHKV_TEST_SEED=${seed}`);
  let state = seed >>> 0;
  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { random, below: (below) => Math.floor(random() * below) };
}

/** What a large collection is made in. */
export function tableHome(): TableHome {
  return { hashes: new KeyHashes({ seed: hashSeed(Buffer.from("seed8byt")) }), memory: new Memory(() => {}) };
}

/** A text (one byte per char) as a byte range in the middle of a buffer, as commands have them. */
export function ranged(text: string): [buf: Buffer, off: number, len: number] {
  return [Buffer.from(`<<${text}>>`, "latin1"), 2, text.length];
}

export function textAt(buf: Uint8Array, off: number, len: number): string {
  return Buffer.from(buf.subarray(off, off + len)).toString("latin1");
}
