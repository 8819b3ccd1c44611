/** Servers in this process. */
import { type RunningServer, type ServerOptions, startServer } from "@hearthkv/server";
import { RespClient } from "../support/index.js";

/** A server of this process and a connection to it. */
export interface OwnServer {
  readonly server: RunningServer;
  readonly client: RespClient;
  /** Fields of INFO persistence. */
  persistence(): Promise<Record<string, string>>;
  close(options?: { snapshot: boolean }): Promise<void>;
}

/** Starts one on a free port, without snapshots by itself. */
export async function startOwn(dataDir: string, options: ServerOptions = {}): Promise<OwnServer> {
  const quiet = { logLevel: "silent", snapshotIntervalS: 0, snapshotOps: 0, snapshotWalBytes: 0 } as const;
  const server = await startServer({ host: "127.0.0.1", port: 0, dataDir, ...quiet, ...options });
  const client = await RespClient.connect(server.port);
  return {
    server,
    client,
    async persistence() {
      const text = String(await client.ok("INFO", "persistence"));
      return Object.fromEntries([...text.matchAll(/^(\w+):(.*)\r$/gm)].map(([, name, value]) => [name, value]));
    },
    async close(how = { snapshot: false }) {
      client.close();
      await server.close(how);
    },
  };
}

/** What a server makes of a directory. */
export interface Recovered {
  readonly digest: string;
  readonly snapshotEntries: number;
  readonly walEntries: number;
}

/** Starts a server of this process on a directory, and ends it when it has the data. */
export async function recoverOwn(dataDir: string): Promise<Recovered> {
  const own = await startOwn(dataDir);
  // First a command, which sets the clock: what has expired counts in the digest until then.
  const fields = await own.persistence();
  const digest = own.server.digest();
  await own.close();
  return {
    digest,
    snapshotEntries: Number(fields.recovery_snapshot_entries),
    walEntries: Number(fields.recovery_wal_entries),
  };
}
