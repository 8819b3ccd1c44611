/** Promises for "synced up to here". */
export class SyncWaiters {
  #list: { readonly sequence: number; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  get waiting(): boolean {
    return this.#list.length > 0;
  }

  /** Resolves when settle() is called with at least `sequence`. */
  wait(sequence: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#list.push({ sequence, resolve, reject });
    });
  }

  /** Everything up to `sequence` is synced. */
  settle(sequence: number): void {
    const ready = this.#list.filter((waiter) => waiter.sequence <= sequence);
    if (ready.length === 0) return;
    this.#list = this.#list.filter((waiter) => waiter.sequence > sequence);
    for (const waiter of ready) waiter.resolve();
  }

  /** No more is going to be synced. */
  reject(error: Error): void {
    for (const waiter of this.#list.splice(0)) waiter.reject(error);
  }
}
