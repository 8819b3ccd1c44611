import { crc32 } from "../src/crc.js";
import type { Directory } from "../src/disk.js";
import { recover } from "../src/recover.js";

export const SHARDS = 3;
const MAX_PAYLOAD_BYTES = 1500;

/**
 * What was committed in which order, and how much of it was acknowledged as durable: what recovery is judged by.
 * The state that the log builds is one digest per shard over the shard's entries; entry s goes to shard s % SHARDS.
 */
export class CommitOrder {
  /** Highest sequence whose sync has returned. */
  synced = 0;
  readonly #payloads: Uint8Array[] = [new Uint8Array(0)];
  readonly #digests: number[] = [0];

  get last(): number {
    return this.#payloads.length - 1;
  }

  /** Commits an entry. Its payload names the run: a sequence that was lost is given again with another payload. */
  commit(run: number, random: () => number): Uint8Array {
    const sequence = this.last + 1;
    const length = Math.floor(random() ** 6 * MAX_PAYLOAD_BYTES);
    const payload = new Uint8Array(Buffer.from(`run ${run} entry ${sequence} `.padEnd(length, "x")));
    this.#payloads.push(payload);
    this.#digests.push(crc32(this.#digests[sequence - SHARDS] ?? 0, payload, 0, payload.length));
    return payload;
  }

  payload(sequence: number): Uint8Array {
    return this.#payloads[sequence]!;
  }

  /** Digest of a shard after all entries up to `sequence`. */
  digest(shard: number, sequence: number): number {
    const own = sequence - ((sequence - shard + SHARDS) % SHARDS);
    return own > 0 ? this.#digests[own]! : 0;
  }

  /** A power loss: what comes next follows on `sequence`. */
  goBackTo(sequence: number): void {
    this.#payloads.length = this.#digests.length = sequence + 1;
    this.synced = sequence;
  }
}

/** A shard in a snapshot: its digest, and some bytes so that it fills a few sectors. */
export function encodeShard(digest: number, sequence: number): Uint8Array {
  const bytes = new Uint8Array(8 + ((sequence * 37) % 400)).fill(digest);
  new DataView(bytes.buffer).setFloat64(0, digest);
  return bytes;
}

export interface Recovery {
  readonly lastSequence: number;
  readonly nextSegmentNumber: number;
  readonly bytesCut: number;
}

/**
 * Recovers and compares with the commit order: every entry and every shard as it was committed, nothing missing up to
 * `synced`, nothing beyond the end. Throws where that is not so, and where recovery refuses.
 */
export async function recoverAndJudge(
  dir: Directory,
  order: CommitOrder,
  synced: number,
  nowMs: number,
): Promise<Recovery> {
  const digests = new Array<number>(SHARDS).fill(0);
  const stamps = new Array<number>(SHARDS).fill(0);
  let next = 1;
  const result = await recover(dir, {
    mode: "torn-tail",
    now: () => nowMs,
    onMetadata: ({ walPos }) => {
      next = Number(walPos) + 1;
    },
    beginSection: (shard, sequence) => {
      stamps[shard] = sequence;
    },
    onSnapshotEntries: (shard, bytes, off, len) => {
      digests[shard] = new DataView(bytes.buffer, bytes.byteOffset + off, len).getFloat64(0);
    },
    onEntry: (_opType, sequence, timestampMs, bytes, off, len) => {
      if (sequence !== next) throw new Error(`entry ${sequence} came where ${next} should`);
      next = sequence + 1;
      if (sequence > order.last) throw new Error(`entry ${sequence} came, but ${order.last} is the last`);
      const payload = bytes.subarray(off, off + len);
      if (Buffer.compare(payload, order.payload(sequence)) !== 0) {
        throw new Error(`entry ${sequence} is ${Buffer.from(payload).toString("latin1", 0, 60)}`);
      }
      if (timestampMs !== sequence) throw new Error(`entry ${sequence} has the time ${timestampMs}`);
      const shard = sequence % SHARDS;
      if (sequence > stamps[shard]!) digests[shard] = crc32(digests[shard]!, bytes, off, off + len);
    },
  });
  const { lastSequence } = result;
  if (lastSequence < synced)
    throw new Error(`recovered up to ${lastSequence}, but ${synced} was acknowledged as durable`);
  if (lastSequence > order.last) throw new Error(`recovered up to ${lastSequence}, but ${order.last} is the last`);
  for (const [shard, digest] of digests.entries()) {
    if (digest !== order.digest(shard, lastSequence)) throw new Error(`shard ${shard} is not that of ${lastSequence}`);
  }
  return result;
}
