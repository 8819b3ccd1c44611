import { frozenDisk } from "@hearthkv/durability";
import { dataFolderNames } from "./data-folder.js";
import { dumpEncoders } from "./dump-formats.js";
import { readRecords } from "./dump-records.js";
import { loadDirectory } from "./load.js";

/** See dump-formats.ts. */
export type ExportFormat = keyof typeof dumpEncoders;

export const EXPORT_FORMATS = Object.keys(dumpEncoders) as readonly ExportFormat[];

const CHUNK_BYTES = 256 * 1024;

export interface ExportResult {
  readonly keys: number;
  /** Everything up to this log entry is in it. */
  readonly sequence: number;
}

/**
 * Gives the data of a directory (also of one in use, as it is at one moment) to `write`, in chunks. Keys whose time has come are left out. Needs the
 * memory that the server would. Throws ToolError, StorageError where recovery refuses, and what `write` throws.
 */
export async function exportDirectory(
  path: string,
  format: ExportFormat,
  write: (chunk: Buffer) => void,
): Promise<ExportResult> {
  dataFolderNames(path);
  const frozen = frozenDisk(path);
  try {
    const { keyspace, result } = await loadDirectory(frozen, "torn-tail");
    const encoder = dumpEncoders[format]();
    let chunks = [encoder.header({ lastFence: keyspace.lastFence })];
    let bytes = 0;
    const keys = readRecords(keyspace, Date.now(), (record) => {
      const chunk = encoder.record(record);
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < CHUNK_BYTES) return;
      write(Buffer.concat(chunks));
      chunks = [];
      bytes = 0;
    });
    write(Buffer.concat(chunks));
    return { keys, sequence: result.lastSequence };
  } finally {
    frozen.release();
  }
}
