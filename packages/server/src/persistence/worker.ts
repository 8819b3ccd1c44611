/**
 * The persistence worker: one loop that writes and syncs the log, and between its turns lets messages (snapshot pieces, mostly) and the
 * ends of asynchronous calls through.
 *
 * How it sleeps decides what everything costs: waking a thread takes longer than writing a small entry.
 *   nothing to do           Atomics.wait; whoever publishes wakes it
 *   an fdatasync is due     Atomics.wait until then; in ack level "memory", where main never writes, it looks every 2 ms instead
 *   main makes them         the same, 50 ms at most, as long as one owes a proof (ack level "synced")
 *   something asynchronous  in the event loop, with a timer
 * A sleeper says how it sleeps in SLEEPING and then looks once more; main publishes first and looks at SLEEPING then. So one of the two
 * always sees the other.
 */
import { type MessagePort, parentPort } from "node:worker_threads";
import { StorageError } from "@hearthkv/durability";
import * as slot from "./slots.js";
import { workerDisk } from "./worker-disk.js";
import { WorkerLog } from "./worker-log.js";
import { WorkerSnapshots } from "./worker-snapshots.js";

/** Longest sleep: the heartbeat must beat. */
const IDLE_MS = 350;
const POLL_MS = 2;
/** After a failure, closing gives the disk so long to recover. */
const CLOSE_PATIENCE_MS = 2000;

class PersistenceWorker {
  readonly #control: Int32Array;
  readonly #log: WorkerLog;
  readonly #snapshots: WorkerSnapshots;
  readonly #post: (message: slot.FromWorker) => void;
  #messages = 0;
  #timer: NodeJS.Timeout | null = null;
  #closeBeforeMs = Number.POSITIVE_INFINITY;
  #closing = false;

  constructor(start: slot.WorkerStart, post: (message: slot.FromWorker) => void) {
    const dir = workerDisk(start, post);
    this.#control = new Int32Array(start.control);
    this.#post = post;
    this.#log = new WorkerLog(start, dir, post);
    this.#snapshots = new WorkerSnapshots(dir, start, this.#log, post);
    this.#log.onSynced = () => this.#kick();
    this.#log.onNoRoom = () => this.#snapshots.giveUpOlder();
    this.#snapshots.onStep = () => this.#kick();
  }

  run(): void {
    this.#log.begin();
    this.#turn();
  }

  receive(message: slot.ToWorker): void {
    this.#messages = (this.#messages + 1) | 0;
    switch (message.type) {
      case "wake":
        break;
      case "oversize":
        this.#log.takeOversize(message.bytes);
        break;
      case "close":
        this.#closing = true;
        this.#log.beginClosing();
        this.#closeBeforeMs = performance.now() + CLOSE_PATIENCE_MS;
        break;
      default:
        this.#snapshots.receive(message);
    }
    this.#kick();
  }

  /** Ends a sleep in the event loop. */
  #kick(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const control = this.#control;
    Atomics.store(control, slot.SLEEPING, slot.SLEEP_NONE);
    Atomics.add(control, slot.HEARTBEAT, 1);
    if (this.#closing) Atomics.store(control, slot.SYNC_WANTED, 1);
    this.#log.step();
    if (this.#closing && this.#tryClose(performance.now())) return;
    this.#sleep();
  }

  #sleep(): void {
    const control = this.#control;
    const seen = Atomics.load(control, slot.WAKE);
    const async = this.#log.syncing || this.#snapshots.busy;
    const due = this.#log.msUntilStep();
    const polls =
      Atomics.load(control, slot.ACK_LEVEL) === slot.ACK_MEMORY && (async || due !== Number.POSITIVE_INFINITY);
    // Whoever only waits for a proof to be due is idle: the first write ends that.
    const waitMs = Math.min(due, this.#log.msUntilProof(), polls ? POLL_MS : IDLE_MS);
    const idle = due === Number.POSITIVE_INFINITY && !this.#log.syncing;
    const how = async ? (idle ? slot.SLEEP_LOOP_IDLE : slot.SLEEP_LOOP) : idle ? slot.SLEEP_IDLE : slot.SLEEP_TIMED;
    Atomics.store(control, slot.SLEEPING, how);
    const again =
      waitMs <= 0 || Atomics.load(control, slot.MESSAGES_SENT) !== this.#messages || this.#log.msUntilStep() <= 0;
    if (again) {
      setImmediate(() => this.#turn());
    } else if (async) {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#turn();
      }, waitMs);
    } else {
      Atomics.wait(control, slot.WAKE, seen, waitMs);
      setImmediate(() => this.#turn());
    }
  }

  /** Ends the thread when everything is durable, or cannot be made so. */
  #tryClose(nowMs: number): boolean {
    const log = this.#log;
    if (log.syncing) return false;
    const { settled } = log;
    const mustWait = log.failure === null || nowMs < this.#closeBeforeMs;
    if (this.#snapshots.busy) {
      // A snapshot waits for a log that cannot be written.
      if (!mustWait) log.giveUp();
      return false;
    }
    if (!settled && mustWait) return false;
    log.close();
    this.#post({ type: "closed", error: settled ? null : log.failure });
    parentPort?.close();
    return true;
  }
}

/** What the storage or the operating system refused; null for anything else, which is a bug. */
function refusalOf(error: unknown): slot.Refusal | null {
  if (error instanceof StorageError) {
    const { code, what, file, errno } = error;
    return { code, what, details: { file, errno } };
  }
  if (!(error instanceof Error && "code" in error)) return null;
  return { code: "io", what: error.message, details: { errno: String(error.code) } };
}

function begin(port: MessagePort, start: slot.WorkerStart): void {
  const post = (message: slot.FromWorker): void => port.postMessage(message);
  try {
    const worker = new PersistenceWorker(start, post);
    port.on("message", (message: slot.ToWorker) => worker.receive(message));
    post({ type: "ready" });
    worker.run();
  } catch (error) {
    const asError = error instanceof Error ? error : new Error(String(error));
    post({ type: "openFailed", error: asError, refusal: refusalOf(error) });
  }
}

// Main starts this thread before it loads the data, and says behind that where the log goes on.
const port = parentPort;
port?.once("message", (start: slot.WorkerStart) => begin(port, start));
