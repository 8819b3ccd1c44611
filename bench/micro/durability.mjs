/** The frame and the checksum of a log entry. */
import { crc32, ENTRY_HEADER_BYTES, sealEntry } from "@hearthkv/durability";

const BATCH = 1024;

function sealing(payloadBytes) {
  const bytes = new Uint8Array(payloadBytes + 64).fill(7);
  let sequence = 0;
  const run = () => {
    for (let i = 0; i < BATCH; i++) sealEntry(bytes, 0, payloadBytes, ++sequence, 1.8e12, 1, 100, 12345);
  };
  return { operations: BATCH, run };
}

function checking(length) {
  const bytes = new Uint8Array(length).fill(7);
  const run = () => {
    for (let i = 0; i < BATCH; i++) crc32(i, bytes, 0, length);
  };
  return { operations: BATCH, run };
}

/** By title; each makes what run.mjs measures: `run`, and how many `operations` that is. */
export const parts = {
  "seal an entry of 100 bytes": () => sealing(100 - ENTRY_HEADER_BYTES),
  "seal an entry of 1 KB": () => sealing(1024 - ENTRY_HEADER_BYTES),
  "crc of 100 bytes": () => checking(100),
  "crc of 16 KB": () => checking(16_384),
};
