/** DEBUG RELOAD: memory goes through the snapshot encoding and back, and must come out as it went in. */
import type { Keyspace } from "@hearthkv/engine";
import { encodeShard } from "../shard-entries.js";

/**
 * Empties the keyspace and loads it from what a snapshot of it would hold. Nothing is logged, since nothing changes.
 * No other capture may be open.
 */
export function reloadKeyspace(keyspace: Keyspace): void {
  const sections = keyspace.shardSections().map((id) => ({ id, blocks: encodeShard(keyspace, id).blocks }));
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
