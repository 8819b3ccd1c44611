/** A log that reaches its ack level when the test says so. */
import type { Keyspace } from "@hearthkv/engine";
import { pino } from "pino";
import { Clock } from "../../src/clock.js";
import { Settings } from "../../src/config/settings.js";
import { TcpServer } from "../../src/connection/server.js";
import { Core } from "../../src/core.js";
import { ServerStats } from "../../src/info/stats.js";
import { resolveOptions } from "../../src/options.js";
import type { AckLevel, Persistence, PersistenceInfo, SavePoint } from "../../src/persistence/index.js";

const TARGET_BYTES = 1 << 20;

/** Keeps the log entries it is given, and acknowledges nothing by itself. */
export class FakePersistence implements Persistence {
  onAcked: () => void = () => {};
  onDrained: () => void = () => {};
  onWriteError: (text: string | null) => void = () => {};
  ackLevel: AckLevel = "written";
  savePoints: readonly SavePoint[] = [];
  snapshotOps = 0;
  snapshotWalBytes = 0;
  lastSequence = 0;
  congested = false;
  writeError: string | null = null;
  readonly loading = null;
  readonly snapshotRunning = false;
  readonly lastSaveSeconds = 0;
  readonly lastSaveOk = true;
  readonly changesSinceSave = 0;
  /** Operation codes of the entries, and what they hold. */
  readonly entries: number[] = [];
  readonly payloads: Buffer[] = [];
  /** A commit beyond this sequence makes it congested. */
  congestedAbove = Number.POSITIVE_INFINITY;
  #acked = 0;
  /** Calls of waitSynced that still wait. */
  syncsAwaited = 0;
  readonly #keyspace: Keyspace;
  readonly #target = new Uint8Array(TARGET_BYTES);

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace;
    keyspace.effects.enabled = true;
    this.#lend();
  }

  load(): Promise<void> {
    return Promise.resolve();
  }

  commit(): void {
    const { op, bytes, start, pos } = this.#keyspace.effects;
    this.entries.push(op);
    this.payloads.push(Buffer.from(bytes.subarray(start, pos)));
    this.lastSequence++;
    if (this.lastSequence > this.congestedAbove) this.congested = true;
    this.#lend();
  }

  endTick(): void {}

  ackedSequence(): number {
    return this.#acked;
  }

  /** The ack level is reached up to `sequence`. */
  ack(sequence: number): void {
    this.#acked = sequence;
    this.onAcked();
  }

  /** What an entry may hold from now on. */
  limitEntries(payloadBytesMax: number): void {
    this.#keyspace.effects.payloadBytesMax = payloadBytesMax;
    this.#lend();
  }

  /** Writes are refused with this from now on; null: they are taken again. */
  fail(writeError: string | null): void {
    this.writeError = writeError;
    this.onWriteError(writeError);
  }

  /** Congestion ends. */
  drain(): void {
    this.congestedAbove = Number.POSITIVE_INFINITY;
    this.congested = false;
    this.onDrained();
  }

  syncedSequence(): number {
    return this.#acked;
  }

  /** For ever, or until it is given up. */
  waitSynced(_sequence: number, signal?: AbortSignal): Promise<void> {
    this.syncsAwaited++;
    return new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => {
        this.syncsAwaited--;
        reject(signal.reason);
      });
    });
  }

  snapshotNow(): Promise<void> {
    return Promise.reject(new Error("no disk"));
  }

  info(): PersistenceInfo {
    return {};
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #lend(): void {
    this.#keyspace.effects.target(this.#target, 0, TARGET_BYTES);
  }
}

/** A listening server on top of a fake log. */
export async function serveFake(
  keyspace: Keyspace,
  log: Record<string, unknown>[] = [],
  clock = new Clock(),
): Promise<{ persistence: FakePersistence; core: Core; port: number; stop(): void }> {
  const persistence = new FakePersistence(keyspace);
  const logger = pino({ level: "info" }, { write: (line: string) => log.push(JSON.parse(line)) });
  const options = resolveOptions({ host: "127.0.0.1", port: 0 });
  const core = new Core(
    {
      options,
      keyspace,
      persistence,
      settings: new Settings(),
      stats: new ServerStats(clock.monotonicMs()),
      logger,
      clock,
    },
    () => ({
      config: { get: () => [], set: () => null },
      info: () => "",
      memory: () => ({ startup: 0, dataset: 0, arenas: 0, clients: 0, peak: 0, rss: 0 }),
      resetStats: () => {},
      shutdown: () => null,
    }),
  );
  const tcp = new TcpServer(core);
  await tcp.listen(options.host, 0);
  const stop = () => {
    tcp.stopAccepting();
    for (const client of [...core.clients.all()]) client.kill();
  };
  return { persistence, core, port: core.port, stop };
}
