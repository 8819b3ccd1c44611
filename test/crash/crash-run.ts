/** A server process that is killed and started again, under writers that know what it must still have. */
import { cpSync, existsSync, type FSWatcher, watch } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type HearthOptions,
  launcher,
  type ServerProcess,
  startHearth,
  startProcess,
  temporaryFolder,
} from "../support/index.js";
import { ORDER_KEY, readState } from "./model.js";
import { Random } from "./random.js";
import { type Survival, Writer } from "./writer.js";

/** Where in its life a server is killed. */
export type Moment = "any time" | "snapshot begun" | "snapshot published" | "segment prepared";

const MOMENTS: readonly Moment[] = ["any time", "snapshot begun", "snapshot published", "segment prepared", "any time"];
const LOAD_MS_LEAST = 30;
const LOAD_MS_MOST = 400;
/** For a moment that does not come. */
const LOAD_MS_LONGEST = 1200;
/** Starting takes about this long here; a start is killed somewhere in it. */
const START_MS = 350;
const DEPTH_LEAST = 16;
const DEPTH_MOST = 64;

/** Sums over all cycles. */
export interface Totals {
  cycles: number;
  sent: number;
  acknowledged: number;
  /** Acknowledged commands that were gone. */
  lost: number;
  /** The most of one cycle. */
  mostLost: number;
  startsKilled: number;
  snapshots: number;
  rotations: number;
  readonly faults: string[];
  readonly moments: Partial<Record<Moment, number>>;
}

/** What a run may differ in. */
export interface CrashRunOptions {
  /** Default a new temporary folder. */
  readonly dataDir?: string;
  /** Commands refused because the disk fails are no faults; they may have an effect or not. Default false. */
  readonly mayBeRefused?: boolean;
  /** Of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One data directory through many crashes. */
export class CrashRun {
  readonly dataDir: string;
  readonly totals: Totals = {
    cycles: 0,
    sent: 0,
    acknowledged: 0,
    lost: 0,
    mostLost: 0,
    startsKilled: 0,
    snapshots: 0,
    rotations: 0,
    faults: [],
    moments: {},
  };
  readonly #random: Random;
  readonly #writers: Writer[];
  readonly #flags: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  /** The common counter at the beginning of the run. */
  #order = 0;

  constructor(seed: number, writers: number, flags: readonly string[], options: CrashRunOptions = {}) {
    const { mayBeRefused = false, dataDir, env = {} } = options;
    this.dataDir = dataDir ?? temporaryFolder("crash");
    this.#random = new Random(seed);
    this.#writers = Array.from(
      { length: writers },
      (_, id) => new Writer(id, new Random(this.#random.next() * 2 ** 32), mayBeRefused),
    );
    this.#flags = flags;
    this.#env = env;
  }

  get options(): HearthOptions {
    return { dataDir: this.dataDir, flags: this.#flags, env: this.#env };
  }

  /** Starts the server, looks at what it has, writes, kills it. */
  async cycle(): Promise<void> {
    if (this.#random.whole(0, 3) === 0) await this.#killedStart();
    const server = await startHearth(this.options);
    await this.check(server);
    await this.load(server);
    this.totals.cycles++;
  }

  /** Everything that the server has must be a prefix of what was sent, of each writer and of all together. Returns it for each writer. */
  async check(server: ServerProcess): Promise<Survival[]> {
    const client = await server.connect();
    const found = await readState(client);
    client.close();
    const orderNow = Number(found.get(ORDER_KEY) ?? 0);
    const { totals } = this;
    let orders = 0;
    let lost = 0;
    const survivals = this.#writers.map((writer) => writer.settle(found, orderNow));
    for (const survival of survivals) {
      totals.faults.push(...survival.faults.map((fault) => `cycle ${totals.cycles}: ${fault}`));
      totals.sent += survival.sent;
      totals.acknowledged += survival.acknowledged;
      lost += survival.lost;
      orders += survival.ordersKept;
    }
    totals.lost += lost;
    totals.mostLost = Math.max(totals.mostLost, lost);
    if (orders !== orderNow - this.#order) {
      totals.faults.push(
        `cycle ${totals.cycles}: the common counter grew by ${orderNow - this.#order}, the writers' commands by ${orders}`,
      );
    }
    this.#order = orderNow;
    return survivals;
  }

  /** Writes until the chosen moment, kills the server and waits until every reply that left it is counted. */
  async load(server: ServerProcess, kill: () => Promise<unknown> = () => server.kill()): Promise<void> {
    const moment = MOMENTS[this.totals.cycles % MOMENTS.length] as Moment;
    const watched = new DirectoryWatch(this.dataDir);
    await this.startWriters(server.port);
    const longest = moment === "any time" ? this.#random.whole(LOAD_MS_LEAST, LOAD_MS_MOST) : LOAD_MS_LONGEST;
    const came = await watched.waitFor(moment, longest);
    await kill();
    await this.writersEnded();
    watched.close();
    const { totals } = this;
    totals.snapshots += watched.snapshots.size;
    totals.rotations += watched.rotations.size;
    const happened = came ? moment : "any time";
    totals.moments[happened] = (totals.moments[happened] ?? 0) + 1;
  }

  /** Lets all writers begin, each with so many unanswered commands, or a random number of them. */
  async startWriters(port: number, depth = 0): Promise<void> {
    const depthOfOne = (): number => depth || this.#random.whole(DEPTH_LEAST, DEPTH_MOST);
    await Promise.all(this.#writers.map((writer) => writer.start(port, depthOfOne())));
  }

  /** Resolves when the connections of all writers have ended and every reply is counted. */
  async writersEnded(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.ended()));
  }

  /** Resolves when every command that was sent is answered; nothing more is sent. */
  async pause(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.pause()));
  }

  /** Goes on after pause(). */
  resume(): void {
    for (const writer of this.#writers) writer.resume();
  }

  /** Ends the connections of all writers. */
  async stopWriters(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.close()));
  }

  /** Commands of all runs that were refused because the disk failed. */
  get refused(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.refused, 0);
  }

  /** The last error that such a command got from each writer's server; "" = none. */
  get lastRefusals(): string[] {
    return this.#writers.map((writer) => writer.lastRefusal);
  }

  /** Commands that all writers have got an answer to in this run. */
  get acknowledged(): number {
    return this.acknowledgedEach.reduce((sum, count) => sum + count, 0);
  }

  /** The same of each writer. */
  get acknowledgedEach(): number[] {
    return this.#writers.map((writer) => writer.acknowledged);
  }

  /** Recovery is interrupted, too: by a kill at some moment of the start. */
  async #killedStart(): Promise<void> {
    const args = ["serve", "--port", "0", "--data-dir", this.dataDir, "--log-level", "warn", ...this.#flags];
    const child = startProcess(process.execPath, [launcher, ...args], { stdin: "" });
    await sleep(this.#random.whole(100, START_MS));
    await child.stop("SIGKILL");
    this.totals.startsKilled++;
  }
}

/** Sees the files come and go while a server writes. */
class DirectoryWatch {
  readonly snapshots = new Set<string>();
  readonly rotations = new Set<string>();
  readonly #directory: string;
  readonly #watcher: FSWatcher;
  #moment: Moment = "any time";
  #came: () => void = () => {};

  constructor(directory: string) {
    this.#directory = directory;
    this.#watcher = watch(directory, (_event, name) => this.#saw(name ?? ""));
  }

  /** Whether the moment came before the time was up. */
  async waitFor(moment: Moment, longestMs: number): Promise<boolean> {
    this.#moment = moment;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), longestMs);
      this.#came = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  close(): void {
    this.#watcher.close();
  }

  #saw(name: string): void {
    // Names are also reported when they go.
    const there = existsSync(join(this.#directory, name));
    const published = name.endsWith(".snap") && there && !this.snapshots.has(name);
    if (published) this.snapshots.add(name);
    if (/^wal-\d+\.log$/.test(name) && there) this.rotations.add(name);
    const came =
      (this.#moment === "snapshot begun" && /^snapshot-.*\.tmp$/.test(name)) ||
      (this.#moment === "snapshot published" && published) ||
      (this.#moment === "segment prepared" && name === "wal-next.tmp");
    if (came) this.#came();
  }
}

/** A copy of a data directory that another process can open: without the lock. */
export function copyDataDirectory(from: string): string {
  const to = temporaryFolder("copy");
  cpSync(from, to, { recursive: true, filter: (source) => !basename(source).startsWith("LOCK") });
  return to;
}
