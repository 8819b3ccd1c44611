import { setImmediate as nextTurn } from "node:timers/promises";
import { type Directory, fileNames, realDisk, StorageError, writeFully } from "@hearthkv/durability";

const COPY_BYTES = 1024 * 1024;

/** A file to copy, as far as `bytes`. */
export interface FileCopy {
  readonly name: string;
  readonly as: string;
  readonly bytes: number;
}

/**
 * Makes a data directory at `target` of the manifest of `from` and parts of its files. Everything is synced, and the manifest comes last:
 * what an interruption leaves has none, so that nobody starts on it. Throws StorageError io.
 */
export async function copyFiles(
  from: Directory,
  files: readonly FileCopy[],
  target: string,
  onProgress: (fraction: number) => void = () => {},
): Promise<void> {
  const to = realDisk(target);
  const { MANIFEST } = fileNames;
  const all = [...files, { name: MANIFEST, as: MANIFEST, bytes: from.size(MANIFEST) }];
  const total = all.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const file of all) {
    await copyFile(from, to, file, (bytes) => {
      done += bytes;
      onProgress(done / total);
    });
    to.syncDirectory();
  }
}

async function copyFile(
  from: Directory,
  to: Directory,
  file: FileCopy,
  onBytes: (count: number) => void,
): Promise<void> {
  const source = from.open(file.name, "read");
  const copy = to.open(file.as, "create");
  try {
    const buffer = new Uint8Array(COPY_BYTES);
    for (let at = 0; at < file.bytes; ) {
      const count = from.pread(source, buffer, 0, Math.min(buffer.length, file.bytes - at), at);
      if (count === 0)
        throw new StorageError("io", "the file ended while it was copied", { file: file.name, offset: at });
      writeFully(to, copy, file.as, buffer, 0, count);
      at += count;
      onBytes(count);
      await nextTurn(); // Signals get their turn.
    }
    to.fdatasync(copy);
  } finally {
    from.close(source);
    to.close(copy);
  }
}
