/** Promises for "synced up to here". */
export class SyncWaiters {
  readonly #waiters = new Set<{ sequence: number; resolve: () => void; reject: (error: unknown) => void }>();

  get waiting(): boolean {
    return this.#waiters.size > 0;
  }

  /** Resolves when settle() is called with at least `sequence`; rejects when `signal` aborts, and is forgotten. */
  wait(sequence: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { sequence, resolve, reject };
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      });
    });
  }

  /** Everything up to `sequence` is synced. */
  settle(sequence: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.sequence > sequence) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** No more is going to be synced. */
  reject(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}
