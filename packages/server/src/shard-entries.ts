/** One shard of a keyspace as the snapshot entries that bring it back. */
import { ByteSink, diskEntries, encodeInlineEntries, type Keyspace, SHARDS } from "@hearthkv/engine";

const STEP_BYTES = 1024 * 1024;

/** Encoded entries: whole ones, in blocks. */
export interface ShardEntries {
  readonly blocks: readonly Uint8Array[];
  readonly count: number;
}

/** Encodes the section `id` (database * 256 + shard) in one go. No other capture of the keyspace may be open. */
export function encodeShard(keyspace: Keyspace, id: number): ShardEntries {
  const blocks: Uint8Array[] = [];
  const capture = keyspace.captureShard(Math.floor(id / SHARDS), id % SHARDS);
  let count = encodeInlineEntries(capture.chunks, (block) => blocks.push(block.slice()));
  const sink = new ByteSink(STEP_BYTES);
  while (!capture.done) {
    sink.reset();
    count += capture.step(sink, STEP_BYTES);
    if (sink.length === 0) continue;
    const block = new ByteSink(sink.length);
    diskEntries(sink.bytes.subarray(0, sink.length), block);
    blocks.push(block.bytes.subarray(0, block.length));
  }
  return { blocks, count };
}
