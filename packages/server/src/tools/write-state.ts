import { type Directory, newGeneration, SnapshotWriter, WalWriter } from "@hearthkv/durability";
import type { Keyspace } from "@hearthkv/engine";
import { METADATA_VERSION } from "../persistence/snapshotter.js";
import { encodeShard } from "../shard-entries.js";

/** A whole state, and its place in the history of the directory. */
export interface WholeState {
  /** Its hash seed is the directory's. */
  readonly keyspace: Keyspace;
  /** Everything up to this sequence is contained. */
  readonly sequence: number;
  /** Of the segment to begin. */
  readonly segmentNumber: number;
}

/**
 * Makes a state all that a start needs: its snapshot is published (durably, read again and compared), then a new segment begins behind it.
 * What the directory held before is not needed any more, and stays. Throws StorageError io, too-large (a shard of more than 2 GiB).
 */
export async function writeState(dir: Directory, state: WholeState): Promise<{ readonly snapshot: string }> {
  const { keyspace, sequence, segmentNumber } = state;
  const writer = SnapshotWriter.create(dir, Date.now());
  try {
    for (const id of keyspace.shardSections()) {
      const { blocks, count } = encodeShard(keyspace, id);
      writer.addSection(id, sequence, count, blocks);
    }
    const { hashSeed, lastFence } = keyspace;
    writer.finish(
      { version: METADATA_VERSION, hashSeed, lastFence, partial: [], swapped: keyspace.swappedDatabases() },
      sequence,
    );
  } catch (error) {
    writer.abort();
    throw error;
  }
  const { name } = await writer.publish(() => {});
  WalWriter.create(dir, { generation: newGeneration(), firstSequence: sequence + 1, segmentNumber }).close();
  return { snapshot: name };
}
