import type { AckLevel, PersistedKeyspace, Persistence, PersistenceInfo, SavePoint } from "./persistence.js";

/** Persistence that keeps nothing (`--disable-persistence`): every level is reached at once, snapshots are refused. */
export class NullPersistence implements Persistence {
  onAcked: () => void = () => {};
  onDrained: () => void = () => {};
  onWriteError: (text: string | null) => void = () => {};
  ackLevel: AckLevel = "memory";
  savePoints: readonly SavePoint[] = [];
  snapshotOps = 0;
  snapshotWalBytes = 0;
  readonly loading = null;
  readonly lastSequence = 0;
  readonly congested = false;
  readonly writeError = null;
  readonly snapshotRunning = false;
  readonly lastSaveSeconds = Math.floor(Date.now() / 1000);
  readonly lastSaveOk = true;
  readonly changesSinceSave = 0;

  constructor(keyspace: Pick<PersistedKeyspace, "effects">) {
    keyspace.effects.enabled = false;
  }

  load(): Promise<void> {
    return Promise.resolve();
  }

  commit(): void {}

  endTick(): void {}

  ackedSequence(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  syncedSequence(): number {
    return 0;
  }

  waitSynced(): Promise<void> {
    return Promise.resolve();
  }

  snapshotNow(): Promise<void> {
    return Promise.reject(new Error("persistence is disabled"));
  }

  info(): PersistenceInfo {
    return {};
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
