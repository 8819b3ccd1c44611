/** Collects the figures of INFO from the running parts. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { getHeapStatistics } from "node:v8";
import type { Core } from "../core.js";
import type { InfoSource } from "./info.js";

/** Version of this package, which is that of HearthKV. */
export const HEARTHKV_VERSION = readVersion();

/** Figures of one server; `runId` lives as long as it does. */
export class InfoCollector {
  readonly #core: Core;
  readonly #runId = randomBytes(20).toString("hex");
  #memoryUsage: NodeJS.MemoryUsage | null = null;

  constructor(core: Core) {
    this.#core = core;
  }

  /** The figures of this moment. */
  collect(): InfoSource {
    const { stats, keyspace, pubsub, clock } = this.#core;
    return {
      server: {
        hearthkvVersion: HEARTHKV_VERSION,
        runId: this.#runId,
        port: this.#core.port,
        uptimeMs: clock.monotonicMs() - stats.startedMs,
        nowMs: clock.wallMs(),
        configFile: "",
      },
      clients: this.#clients(),
      memory: this.memory(),
      persistence: this.#persistence(),
      stats: {
        ...stats.figures(),
        ...keyspace.stats,
        pubsubChannels: pubsub.channelCount(),
        pubsubPatterns: pubsub.patternCount(),
        pubsubShardChannels: pubsub.shardChannelCount(),
      },
      errors: stats.errors,
      commands: this.#core.commands,
      percentiles: this.#core.latency.percentiles,
      databases: keyspace.databases().map((db) => ({
        index: db.index,
        keys: db.keys.size,
        expires: db.keys.volatileCount,
        avgTtl: 0,
      })),
    };
  }

  #clients(): InfoSource["clients"] {
    const { clients, blocking, settings, stats } = this.#core;
    let pubsub = 0;
    for (const client of clients.all()) if (client.subscriptions > 0) pubsub++;
    return {
      connected: clients.size,
      blocked: blocking.size,
      pubsub,
      maxclients: settings.maxclients,
      maxInputBuffer: stats.maxInputBuffer,
      maxOutputBuffer: stats.maxOutputBuffer,
    };
  }

  /** What takes how much memory. */
  memory(): InfoSource["memory"] {
    const { keyspace, clients, stats, heap } = this.#core;
    const { rss, heapUsed } = this.#lookAtMemory();
    let clientBytes = 0;
    for (const client of clients.all()) clientBytes += client.inputBytes + client.queue.bytes + client.outputBytes;
    const dataset = keyspace.usedBytes();
    const startup = heap.startupBytes;
    stats.peakUsed = Math.max(stats.peakUsed, startup + clientBytes + dataset);
    return {
      startup,
      dataset,
      peak: stats.peakUsed,
      rss,
      heapUsed,
      heapLimit: heap.limit,
      arenas: keyspace.arenaBytes(),
      clients: clientBytes,
    };
  }

  /** The system is asked through a file of /proc: while no descriptor is left, what it said last is told. */
  #lookAtMemory(): Pick<NodeJS.MemoryUsage, "rss" | "heapUsed"> {
    try {
      this.#memoryUsage = process.memoryUsage();
    } catch {
      // INFO is needed most when something has run out.
    }
    return this.#memoryUsage ?? withoutProc();
  }

  #persistence(): InfoSource["persistence"] {
    const { persistence, options } = this.#core;
    const { loading } = persistence;
    return {
      enabled: !options.disablePersistence,
      loading: loading && { ...loading, elapsedMs: performance.now() - loading.startedMs },
      changesSinceSave: persistence.changesSinceSave,
      snapshotRunning: persistence.snapshotRunning,
      lastSaveSeconds: persistence.lastSaveSeconds,
      lastSaveOk: persistence.lastSaveOk,
      writeError: persistence.writeError,
      fields: persistence.info(),
    };
  }
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "?";
}

/** What is known of memory without /proc: the most that was resident, and the heap. */
function withoutProc(): Pick<NodeJS.MemoryUsage, "rss" | "heapUsed"> {
  return { rss: process.resourceUsage().maxRSS * 1024, heapUsed: getHeapStatistics().used_heap_size };
}
