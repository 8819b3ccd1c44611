/**
 * What recovery makes of snapshot and log is what the server had: at random moments under write load, while snapshots are made all the
 * time, the writers hold their breath, the live digest is taken, the directory is copied and the copy recovered.
 *
 * HEARTHKV_DIGEST_ROUNDS sets the number of moments. Negative control: in the last one the copy loses the end of its log.
 */
import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileNames } from "@hearthkv/durability";
import { expect, test } from "vitest";
import { copyDataDirectory } from "../crash/crash-run.js";
import { printedSeed, Random } from "../crash/random.js";
import { type RespClient, startHearth } from "../support/index.js";
import { recoverOwn } from "./in-process.js";
import { fill, WildWriter } from "./wild-writer.js";

const ROUNDS = Number(process.env.HEARTHKV_DIGEST_ROUNDS ?? 20);
const ROUND_MS_MAX = 60_000;
const WRITERS = 4;
const LOAD_MS_MOST = 120;
/** Until nothing of a short life is left. */
const QUIET_MS = 50;
const SNAPSHOT_PAUSE_MS = 30;

test(`${ROUNDS} recoveries give the live digest`, { timeout: ROUNDS * ROUND_MS_MAX }, async () => {
  const random = new Random(printedSeed("digest"));
  const server = await startHearth({ flags: ["--wal-max-bytes", "1mb", "--enable-debug-command"] });
  await fill(server);
  const client = await server.connect();
  const snapshots = new EndlessSnapshots(await server.connect());
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () => WildWriter.connect(server.port, new Random(random.next() * 2 ** 32))),
  );
  const digests = new Set<unknown>();
  let fromBoth = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const writer of writers) writer.start();
    await sleep(random.whole(1, LOAD_MS_MOST));
    await Promise.all(writers.map((writer) => writer.stop()));
    await sleep(QUIET_MS);
    const live = await client.ok("DEBUG", "DIGEST");
    const recovered = await recoverOwn(copyStandingStill(server.dataDir));
    expect(recovered.digest, `round ${round}`).toBe(live);
    digests.add(live);
    if (recovered.snapshotEntries > 0 && recovered.walEntries > 0) fromBoth++;
  }
  const made = await snapshots.stop();
  await client.ok("SET", "last", "entry");
  const shortened = copyStandingStill(server.dataDir);
  const log = join(shortened, fileNames.WAL_CURRENT);
  truncateSync(log, statSync(log).size - 1);
  const { digest: damaged } = await recoverOwn(shortened);
  expect(damaged).not.toBe(await client.ok("DEBUG", "DIGEST"));
  await server.stop();
  const answered = writers.reduce((sum, writer) => sum + writer.answered, 0);
  console.log(`${answered} commands, ${made} snapshots, ${fromBoth} of ${ROUNDS} recoveries from snapshot and log`);
  // Else the test would have proved less than it says.
  expect(digests.size).toBe(ROUNDS);
  expect(fromBoth).toBeGreaterThan(ROUNDS / 2);
});

/** Copies until no file came, went or grew meanwhile: a copy of files of different moments is no state that ever was. */
function copyStandingStill(dataDir: string): string {
  for (;;) {
    try {
      const before = listing(dataDir);
      const copy = copyDataDirectory(dataDir);
      if (listing(dataDir) === before) return copy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

function listing(dataDir: string): string {
  const names = readdirSync(dataDir).filter((name) => name.endsWith(".log") || name.endsWith(".snap"));
  return names.map((name) => `${name} ${statSync(join(dataDir, name)).ino}`).join("\n");
}

/** One snapshot after the other, whatever else happens. */
class EndlessSnapshots {
  readonly #client: RespClient;
  readonly #run: Promise<number>;
  #stopped = false;

  constructor(client: RespClient) {
    this.#client = client;
    this.#run = this.#loop();
  }

  /** Returns how many were made. */
  async stop(): Promise<number> {
    this.#stopped = true;
    const made = await this.#run;
    this.#client.close();
    return made;
  }

  async #loop(): Promise<number> {
    let made = 0;
    while (!this.#stopped) {
      await this.#client.ok("SAVE");
      made++;
      await sleep(SNAPSHOT_PAUSE_MS);
    }
    return made;
  }
}
