/** Sections of a snapshot, from one keyspace to another. */
import { ByteSink, diskEntries, encodeInlineEntries, type Keyspace } from "../../src/index.js";

/** The entries of one section, as they are on the disk. */
export function encodedSection(keyspace: Keyspace, section: number): Uint8Array {
  const capture = keyspace.captureShard(section >>> 8, section & 255);
  const uncoded = new ByteSink();
  const disk = new ByteSink();
  encodeInlineEntries(capture.chunks, (block) => disk.raw(block, 0, block.length));
  while (!capture.done) capture.step(uncoded, 1 << 20);
  diskEntries(uncoded.bytes.subarray(0, uncoded.length), disk);
  return disk.bytes.slice(0, disk.length);
}

/** Loads a section of one keyspace into another one. */
export function loadSection(from: Keyspace, section: number, to: Keyspace): void {
  const bytes = encodedSection(from, section);
  to.loadEntries(section, bytes, 0, bytes.length);
}
