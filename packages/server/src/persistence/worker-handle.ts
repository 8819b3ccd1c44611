/** Starting, talking to and watching the persistence worker, as seen by the serving thread. */
import { Worker, type WorkerOptions } from "node:worker_threads";
import { StorageError } from "@hearthkv/durability";
import { HangWatch } from "./hang-watch.js";
import * as slot from "./slots.js";

/** Run from source (tests), the worker still is the built file: threads cannot load TypeScript. */
const WORKER_URL = new URL(
  import.meta.url.includes("/src/persistence/") ? "../../dist/persistence/worker.js" : "./worker.js",
  import.meta.url,
);

function startWorker(options: WorkerOptions): Worker {
  try {
    return new Worker(WORKER_URL, options);
  } catch (error) {
    // ERR_WORKER_INIT_FAILED, with nothing but the system's error as its message.
    const { message } = error as Error;
    throw new StorageError("io", `the persistence thread cannot be started: ${message}`, {
      errno: message,
      hint: "The system gives this process no more threads or memory: raise its limits (ulimit -u, ulimit -v, those of its container)",
    });
  }
}

/** The thread, which loads its code as soon as this is made: that takes a tenth of a second, in which the data may be loaded. */
/** The thread. It loads its code as soon as this is made, which takes a tenth of a second: meanwhile the data can be loaded. */
export class WorkerHandle {
  /** Every message but the first. */
  onMessage: (message: slot.FromWorker) => void = () => {};
  /** The thread is gone although nobody closed it. */
  onDeath: (error: Error) => void = () => {};
  readonly #worker: Worker;
  readonly #control: Int32Array;
  readonly #watch: HangWatch;
  /** Settled by its first message. */
  readonly #ready: Promise<void>;
  #expected = false;

  constructor(control: Int32Array) {
    this.#control = control;
    this.#watch = new HangWatch(control);
    // Were the thread's descriptors closed when it dies, main could write to one that is something else by then.
    this.#worker = startWorker({ name: "persistence", execArgv: [], trackUnmanagedFds: false });
    this.#ready = this.#firstMessage();
    // begin() tells of it, and is perhaps never called.
    this.#ready.catch(() => {});
  }

  /** Resolves when the worker has begun a segment; rejects with the reason why it could not. */
  begin(start: slot.WorkerStart): Promise<void> {
    this.#worker.postMessage(start);
    return this.#ready;
  }

  /** Sends without waking the worker from its sleep. */
  post(message: slot.ToWorker, transfer: ArrayBuffer[]): void {
    // Counted first: a worker that woke before this thread had counted would look for it in a loop, and keep it from its processor.
    Atomics.add(this.#control, slot.MESSAGES_SENT, 1);
    this.#worker.postMessage(message, transfer);
  }

  /** To be called every LOOK_MS: what stands still, in words; null = nothing does. */
  standsStill(): string | null {
    return this.#watch.standsStill();
  }

  /** The worker said that it is done. */
  expectEnd(): void {
    this.#expected = true;
  }

  /** Ends the thread, wherever it is. */
  async end(): Promise<void> {
    this.#expected = true;
    await this.#worker.terminate();
  }

  #firstMessage(): Promise<void> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker.once("error", reject);
      worker.once("message", (message: slot.FromWorker) => {
        worker.off("error", reject);
        if (message.type === "openFailed") {
          const { error, refusal } = message;
          reject(refusal === null ? error : new StorageError(refusal.code, refusal.what, refusal.details));
          return;
        }
        worker.on("message", (next: slot.FromWorker) => this.onMessage(next));
        worker.on("error", (error) => this.#died(error));
        worker.on("exit", (code) => this.#died(new Error(`the persistence worker ended with code ${code}`)));
        resolve();
      });
    });
  }

  #died(error: Error): void {
    if (this.#expected) return;
    this.#expected = true;
    this.onDeath(error);
  }
}
