/** All keys that are on their way to other servers: who is told when one of them changes, and what happens when it has arrived. */
import type { MigrationOrder } from "@hearthkv/commands";
import type { ClientState } from "../clients/client-state.js";
import type { Dispatcher } from "../dispatch/dispatch.js";
import { type KeyListener, watchKey } from "../waiting/key-observer.js";
import { Migration, type Transfer } from "./migration.js";

export class Migrations implements KeyListener {
  readonly #dispatcher: () => Dispatcher;
  /** What stands in the way of writing, an error text; null: nothing. */
  readonly #writeError: () => string | null;
  readonly #interestChanged: () => void;
  readonly #running = new Set<Migration>();
  /** By the names that watchKey gives; several clients may send the same key. */
  readonly #underWay = new Map<string, Set<Transfer>>();

  constructor(dispatcher: () => Dispatcher, writeError: () => string | null, interestChanged: () => void) {
    this.#dispatcher = dispatcher;
    this.#writeError = writeError;
    this.#interestChanged = interestChanged;
  }

  get interested(): boolean {
    return this.#underWay.size > 0;
  }

  /** Carries an order out; the client waits for it. */
  start(client: ClientState, order: MigrationOrder): void {
    const { db } = order;
    const { shards } = db.keys;
    const dispatcher = this.#dispatcher();
    const answer = dispatcher.suspend(client);
    const own = new Set<Transfer>();
    let sequence = 0;
    let isSwapped = false;
    const migration = new Migration(order, {
      dump: (key) => {
        // What the client means by its keys is not here any more.
        if (db.keys.shards !== shards) isSwapped = true;
        return isSwapped ? null : dispatcher.changeLater(client, () => order.dump(key)).result;
      },
      watch: (key) => {
        const transfer = this.#watch(db.index, key);
        own.add(transfer);
        return transfer;
      },
      arrived: (transfers) => {
        for (const transfer of transfers) {
          this.#unwatch(db.index, transfer);
          own.delete(transfer);
        }
        if (order.isCopy) return null;
        const error = this.#writeError();
        if (error !== null) return error;
        const same = transfers.filter((transfer) => !transfer.isChanged);
        const { sequence: last } = dispatcher.changeLater(client, () => {
          for (const { key } of same) if (db.keys.remove(key, 0, key.length)) order.deleted(key);
        });
        sequence = Math.max(sequence, last);
        return same.length === transfers.length ? null : changedWhileSent(transfers.length - same.length);
      },
      ended: (error) => {
        this.#running.delete(migration);
        for (const transfer of own) this.#unwatch(db.index, transfer);
        const problem = error ?? (isSwapped ? SWAPPED : null);
        answer((reply) => (problem === null ? reply.ok() : reply.error(problem)), sequence);
      },
    });
    this.#running.add(migration);
  }

  /** The server goes. */
  stop(): void {
    for (const migration of [...this.#running]) migration.abort();
  }

  changed(id: string): void {
    const transfers = this.#underWay.get(id);
    if (transfers !== undefined) for (const transfer of transfers) transfer.isChanged = true;
  }

  flushed(db: number): void {
    for (const [id, transfers] of this.#underWay) {
      if (id.startsWith(watchKey(db, ""))) for (const transfer of transfers) transfer.isChanged = true;
    }
  }

  swapped(db: number, other: number): void {
    this.flushed(db);
    this.flushed(other);
  }

  #watch(db: number, key: Buffer): Transfer {
    const id = watchKey(db, key.toString("latin1"));
    const transfer = { key, isChanged: false };
    const others = this.#underWay.get(id);
    if (others === undefined) this.#underWay.set(id, new Set([transfer]));
    else others.add(transfer);
    if (this.#underWay.size === 1) this.#interestChanged();
    return transfer;
  }

  #unwatch(db: number, transfer: Transfer): void {
    const id = watchKey(db, transfer.key.toString("latin1"));
    const transfers = this.#underWay.get(id);
    transfers?.delete(transfer);
    if (transfers?.size === 0) this.#underWay.delete(id);
    if (this.#underWay.size === 0) this.#interestChanged();
  }
}

const SWAPPED = "ERR databases were swapped before all keys were sent";

function changedWhileSent(count: number): string {
  return `ERR ${count} keys were changed while they were sent: they are here as they are now, and at the target as they were`;
}
