/**
 * Brings a damaged directory into a state that a server starts on, and that `check` finds clean. Nothing is lost for good: whatever is
 * taken away stays beside the data under a name that ends in .broken.
 *
 *   no manifest          it is written again, with the hash seed that a snapshot remembers; then
 *   recovery works       what it would do at a start is done now; damaged files that it does not need are set aside
 *   recovery refuses     what is valid is loaded (mode skip-corrupt) -> a snapshot of it is published -> a new segment begins
 *                        -> everything older is set aside
 *
 * The second order is safe: until the snapshot is published nothing but what recovery itself does has changed, and repair may be begun again.
 */
import {
  type Directory,
  fileNames,
  firstNeededSegment,
  lockDirectory,
  type RecoveryResult,
  readSegmentHeader,
  readSnapshotHeader,
  realDisk,
  rehearsalDisk,
  StorageError,
  setAside,
  writeManifest,
} from "@hearthkv/durability";
import { describeChanges } from "./changes.js";
import { type CheckReport, checkDirectory } from "./check.js";
import { dataFolderNames } from "./data-folder.js";
import { countKeys, loadDirectory } from "./load.js";
import { findLostManifest, type LostManifest } from "./lost-manifest.js";
import { writeState } from "./write-state.js";

/** What a repair is going to do. */
export interface RepairPlan {
  readonly kind: "nothing" | "tidy" | "salvage" | "impossible";
  /** What is wrong. */
  readonly problems: readonly string[];
  /** What is to be done, as "cut …", "set … aside"; why not, where it is impossible. */
  readonly steps: readonly string[];
  /** What salvage cannot bring back; null where nothing that was durable is lost. */
  readonly loss: string | null;
  /** Files that recovery does not need, to be set aside. */
  readonly unneeded: readonly string[];
  /** The manifest to be written again. */
  readonly manifest: LostManifest | null;
}

/** Says what would be done, and changes nothing. Throws ToolError where there is no data directory. */
export async function planRepair(path: string): Promise<RepairPlan> {
  const report = await checkDirectory(path, { digest: false });
  const problems = report.problems.map(({ message }) => message);
  try {
    const manifest = findLostManifest(rehearsalDisk(path));
    return await planWith(path, report, manifest, problems);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { kind: "impossible", problems, steps: [error.message], loss: null, unneeded: [], manifest: null };
  }
}

async function planWith(
  path: string,
  report: CheckReport,
  manifest: LostManifest | null,
  problems: readonly string[],
): Promise<RepairPlan> {
  const first = manifest === null ? [] : [`write ${fileNames.MANIFEST} again with ${manifest.source}`];
  const disk = rehearsalDisk(path);
  try {
    const { result } = await loadDirectory(disk, "torn-tail", seedOf(manifest));
    const renamed = new Set(disk.changes.flatMap((change) => (change.kind === "rename" ? [change.from] : [])));
    const unneeded = unneededFiles(disk, report, result).filter((name) => !renamed.has(name));
    const aside = unneeded.map((name) => `set ${name} aside: it is not needed`);
    const left = result.foreignEntries;
    const leftOut = left === 0 ? [] : [`leave out ${left} entries in whose place a later run has written others`];
    const steps = [...first, ...leftOut, ...describeChanges(disk.changes), ...aside];
    return { kind: steps.length === 0 ? "nothing" : "tidy", problems, steps, loss: null, unneeded, manifest };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const { steps, loss } = await planSalvage(path, manifest);
    const told = problems.length === 0 ? [error.message] : problems;
    return { kind: "salvage", problems: told, steps: [...first, ...steps], loss, unneeded: [], manifest };
  }
}

function seedOf(manifest: LostManifest | null): { hashSeed?: Uint8Array } {
  return manifest === null ? {} : { hashSeed: manifest.hashSeed };
}

/**
 * Locks the directory and does what `planRepair` says. Throws StorageError locked where it is in use, and whatever stands in the way.
 * @returns the plan as it was carried out, and what a check says afterwards
 */
export async function repairDirectory(path: string): Promise<{ plan: RepairPlan; report: CheckReport }> {
  dataFolderNames(path); // before the lock, which would make a folder that is missing
  const lock = await lockDirectory(path);
  try {
    const plan = await planRepair(path);
    const dir = lock.guard(realDisk(path));
    if (plan.manifest !== null && plan.kind !== "impossible") replaceManifest(dir, plan.manifest);
    if (plan.kind === "tidy") await tidy(dir, plan);
    if (plan.kind === "salvage") await salvage(dir);
    return { plan, report: await checkDirectory(path) };
  } finally {
    lock.release();
  }
}

/** Throws StorageError where not even that is possible. */
async function planSalvage(
  path: string,
  manifest: LostManifest | null,
): Promise<{ readonly steps: readonly string[]; readonly loss: string }> {
  const disk = rehearsalDisk(path);
  const { keyspace, result } = await loadDirectory(disk, "skip-corrupt", seedOf(manifest));
  const names = disk.list();
  const old = [...fileNames.snapshotNames(names), ...fileNames.segmentNames(names)];
  const steps = [
    `load what is valid: ${countKeys(keyspace)} keys up to sequence ${result.lastSequence}`,
    "write a snapshot of that and begin a new segment",
    ...old.map((name) => `set ${name} aside`),
  ];
  return { steps, loss: lossOf(result, fileNames.snapshotNames(names).length > 0) };
}

function lossOf({ corruptedEntries, corruptedMayBeMore, snapshot }: RecoveryResult, hadSnapshots: boolean): string {
  const count = `${corruptedEntries}${corruptedMayBeMore ? " or more" : ""}`;
  const entries = `${count} ${count === "1" ? "entry" : "entries"} of the log cannot be read`;
  return snapshot === null && hadSnapshots ? `${entries}, and no snapshot: what only they held is lost` : entries;
}

function replaceManifest(dir: Directory, manifest: LostManifest): void {
  if (dir.exists(fileNames.MANIFEST)) setAside(dir, fileNames.MANIFEST, Date.now());
  writeManifest(dir, manifest.hashSeed);
}

async function tidy(dir: Directory, plan: RepairPlan): Promise<void> {
  await loadDirectory(dir, "torn-tail");
  const nowMs = Date.now();
  for (const name of plan.unneeded) setAside(dir, name, nowMs);
}

async function salvage(dir: Directory): Promise<void> {
  const { keyspace, result } = await loadDirectory(dir, "skip-corrupt");
  const { lastSequence: sequence, nextSegmentNumber: segmentNumber } = result;
  const { snapshot } = await writeState(dir, { keyspace, sequence, segmentNumber });
  const nowMs = Date.now();
  const names = dir.list();
  const segments = fileNames.segmentNames(names).filter((name) => name !== fileNames.WAL_CURRENT);
  // Nothing needs them from here on: what an interruption leaves, the next repair sets aside.
  for (const name of segments.reverse()) setAside(dir, name, nowMs);
  for (const name of fileNames.snapshotNames(names)) if (name !== snapshot) setAside(dir, name, nowMs);
}

/**
 * Damaged files that recovery passed over. Where a segment is among them, all segments before the first one needed go with it: a log with a
 * hole is of no use; and with them the snapshots that cannot be replayed without them.
 */
function unneededFiles(dir: Directory, report: CheckReport, result: RecoveryResult): string[] {
  const damaged = new Set(report.problems.flatMap(({ file }) => (file === null ? [] : [file])));
  const names = dir.list();
  const snapshots = fileNames.snapshotNames(names);
  const unneeded = new Set(snapshots.filter((name) => damaged.has(name) && name !== result.snapshot?.name));
  const segments = fileNames.segmentNames(names);
  if (!segments.some((name) => damaged.has(name))) return [...unneeded];
  const headers = segments.map((name) => readSegmentHeader(dir, name));
  const first = firstNeededSegment(headers, result.snapshot?.walPos ?? 0);
  for (const name of segments.slice(0, first)) unneeded.add(name);
  const needed = headers[first];
  const firstSequence = needed?.state === "ok" ? needed.header.firstSequence : 0;
  for (const name of snapshots) {
    if (
      name !== result.snapshot?.name &&
      !unneeded.has(name) &&
      readSnapshotHeader(dir, name).walPos + 1 < firstSequence
    ) {
      unneeded.add(name);
    }
  }
  return [...unneeded];
}
