/** DEBUG RELOAD: memory goes through the snapshot encoding and back, and must come out as it went in. */
import { ByteSink, encodeStringEntries, type Keyspace, SHARDS } from "@hearthkv/engine";

const STEP_BYTES = 1024 * 1024;

/**
 * Empties the keyspace and loads it from what a snapshot of it would hold. Nothing is logged, since nothing changes.
 * No other capture may be open.
 */
export function reloadKeyspace(keyspace: Keyspace): void {
  const sections = keyspace.shardSections().map((id) => ({ id, blocks: encodeSection(keyspace, id) }));
  const { effects } = keyspace;
  const wasEnabled = effects.enabled;
  effects.enabled = false;
  try {
    keyspace.flush(-1);
    for (const { id, blocks } of sections) {
      for (const block of blocks) keyspace.loadEntries(id, block, 0, block.length);
    }
  } finally {
    effects.enabled = wasEnabled;
  }
}

function encodeSection(keyspace: Keyspace, id: number): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  const capture = keyspace.captureShard(Math.floor(id / SHARDS), id % SHARDS);
  encodeStringEntries(capture.chunks, (block) => blocks.push(block.slice()));
  while (!capture.done) {
    const sink = new ByteSink(STEP_BYTES);
    capture.step(sink, STEP_BYTES);
    if (sink.length > 0) blocks.push(sink.bytes.slice(0, sink.length));
  }
  return blocks;
}
