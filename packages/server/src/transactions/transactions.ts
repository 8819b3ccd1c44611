/** MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
import { ERR, type TransactionsHost } from "@hearthkv/commands";
import { Request } from "@hearthkv/resp";
import type { ClientContext, ClientState } from "../clients/client-state.js";
import type { CommandQueue } from "../clients/command-queue.js";
import type { Watches } from "./watches.js";

/** What transactions need of the one who runs commands. */
export interface QueueRunner {
  /** Runs a request inside EXEC's turn. */
  runQueued(request: Request): void;
}

/** The transactions of all clients; their state is in ClientState. */
export class Transactions implements TransactionsHost {
  readonly #watches: Watches;
  readonly #dispatcher: () => QueueRunner;
  /** The queued command that is running. */
  readonly #request = new Request();

  constructor(watches: Watches, dispatcher: () => QueueRunner) {
    this.#watches = watches;
    this.#dispatcher = dispatcher;
  }

  multi(ctx: ClientContext): void {
    if (ctx.session.inMulti) {
      ctx.reply.error(ERR.nestedMulti);
      return;
    }
    ctx.session.inMulti = true;
    ctx.reply.ok();
  }

  /** Runs what was queued without anybody in between; all its changes are one log entry. */
  exec(ctx: ClientContext): void {
    const client = ctx.session;
    if (!client.inMulti) {
      ctx.reply.error(ERR.execWithoutMulti);
      return;
    }
    try {
      const watchFailed = this.#watchedChanged(ctx, client);
      this.#watches.clear(client);
      if (client.queueFailed) ctx.reply.error(ERR.execAbort);
      else if (watchFailed) ctx.reply.nilArray();
      else this.#runAll(ctx, client.queue);
    } finally {
      this.discardQueue(client);
    }
  }

  discard(ctx: ClientContext): void {
    if (!ctx.session.inMulti) {
      ctx.reply.error(ERR.discardWithoutMulti);
      return;
    }
    this.discardQueue(ctx.session);
    ctx.reply.ok();
  }

  watch(ctx: ClientContext): void {
    const client = ctx.session;
    if (client.inMulti) {
      ctx.reply.error(ERR.watchInsideMulti);
      return;
    }
    const { request, db } = ctx;
    for (let i = 1; i < request.argc; i++) {
      // The lookup deletes a key whose time is up, so only a key that is really there can be lost later.
      const existed = db.keys.lookup(request.buf, request.off[i], request.len[i]) !== 0;
      this.#watches.add(client, { db: client.dbIndex, key: request.str(i), existed });
    }
    ctx.reply.ok();
  }

  unwatch(ctx: ClientContext): void {
    this.#watches.clear(ctx.session);
    ctx.reply.ok();
  }

  /** A command was refused while queueing: EXEC will refuse, too. What was queued goes. */
  fail(client: ClientState): void {
    client.queueFailed = true;
    client.queue.clear();
  }

  /** Ends the client's transaction without running it, and what it watches. */
  discardQueue(client: ClientState): void {
    client.inMulti = false;
    client.queue.clear();
    client.queueBits = 0;
    client.queueFailed = false;
    this.#watches.clear(client);
  }

  /** A watched key whose time is up counts as changed: the lookup deletes it, which the watch hears. */
  #watchedChanged(ctx: ClientContext, client: ClientState): boolean {
    for (const { db, key } of this.#watches.of(client)) {
      const bytes = Buffer.from(key, "latin1");
      ctx.keyspace.db(db).keys.lookup(bytes, 0, bytes.length);
    }
    return client.watchFailed;
  }

  #runAll(ctx: ClientContext, queue: CommandQueue): void {
    const dispatcher = this.#dispatcher();
    ctx.reply.array(queue.count);
    queue.each(this.#request, (request) => dispatcher.runQueued(request));
  }
}
