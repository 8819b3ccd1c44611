/**
 * Copies a data directory, also one that a server writes to, as it is at one moment:
 *
 *   all files are opened at once (durability's frozen disk) -> copied as long as they were then, the current segment up to its last
 *   whole entry -> synced, the manifest last -> the copy is checked as `check --strict` does
 *
 * The copy has every write that was acknowledged with ack level written or synced before the files were opened.
 */
import { fileNames, frozenDisk, readSegment } from "@hearthkv/durability";
import { type CheckReport, checkDirectory } from "./check.js";
import { copyFiles } from "./copy-files.js";
import { DataError, dataFolderNames, makeDataFolder } from "./data-folder.js";

export interface BackupOptions {
  /** Load the copy and give its digest. Default true. */
  readonly digest?: boolean;
  /** Share of the copying done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

export interface BackupResult {
  readonly bytes: number;
  readonly files: number;
  readonly recovered: NonNullable<CheckReport["recovered"]>;
}

/**
 * Throws ToolError where there is no data or the target is in use, DataError where the copy is not whole, StorageError io: there is
 * no copy then.
 */
export async function backupDirectory(
  path: string,
  target: string,
  options: BackupOptions = {},
): Promise<BackupResult> {
  dataFolderNames(path);
  return await makeDataFolder(target, async (copy) => await copyInto(copy, path, options));
}

async function copyInto(copy: string, path: string, options: BackupOptions): Promise<BackupResult> {
  const frozen = frozenDisk(path);
  try {
    const names = frozen.list().filter((name) => name !== fileNames.MANIFEST);
    if (names.length === frozen.list().length) throw new DataError(`${path} has no ${fileNames.MANIFEST}`);
    const files = names.map((name) => {
      const bytes = name === fileNames.WAL_CURRENT ? wholeEntries() : frozen.size(name);
      return { name, as: name, bytes };
    });
    await copyFiles(frozen, files, copy, options.onProgress);
    const { problems, recovered } = await checkDirectory(copy, { strict: true, digest: options.digest ?? true });
    if (recovered === null || problems.length > 0) {
      throw new DataError(`the copy is not whole: ${problems.map(({ message }) => message).join("; ")}`);
    }
    return { bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), files: files.length + 1, recovered };
  } finally {
    frozen.release();
  }

  /** An entry at the end may be half written; damage before the end is copied, and found in the copy. */
  function wholeEntries(): number {
    const scan = readSegment(frozen, fileNames.WAL_CURRENT, null);
    return scan.tail === "torn" ? scan.validEnd : scan.fileBytes;
  }
}
