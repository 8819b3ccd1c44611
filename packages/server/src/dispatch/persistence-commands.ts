/** SAVE, BGSAVE, LASTSAVE, WAIT and WAITAOF. */
import { ERR, type PersistenceHost } from "@hearthkv/commands";
import type { ReplyWriter } from "@hearthkv/resp";
import type { ClientContext } from "../clients/client-state.js";
import type { Persistence } from "../persistence/index.js";
import type { Dispatcher } from "./dispatch.js";

const TIMER_MS_MAX = 0x7fff_ffff;
const BACKGROUND_FAILED = "ERR Background saving failed";

/** Snapshots and syncs on request. */
export class PersistenceCommands implements PersistenceHost {
  readonly #persistence: Persistence;
  readonly #enabled: boolean;
  readonly #dispatcher: () => Dispatcher;

  /** @param enabled false: memory only. Snapshots fail then, and WAITAOF refuses to wait for the local log. */
  constructor(persistence: Persistence, enabled: boolean, dispatcher: () => Dispatcher) {
    this.#persistence = persistence;
    this.#enabled = enabled;
    this.#dispatcher = dispatcher;
  }

  get lastSaveSeconds(): number {
    return this.#persistence.lastSaveSeconds;
  }

  save(ctx: ClientContext): void {
    if (this.#persistence.snapshotRunning) {
      ctx.reply.error(ERR.saveInProgress);
      return;
    }
    const answer = this.#dispatcher().suspend(ctx.session);
    this.#persistence.snapshotNow().then(
      () => answer((reply) => reply.ok()),
      (error: Error) => answer((reply) => reply.error(`ERR ${error.message}`)),
    );
  }

  bgsave(schedule: boolean): { error: string } | { status: string } {
    if (!this.#enabled) return { error: BACKGROUND_FAILED };
    const running = this.#persistence.snapshotRunning;
    if (running && !schedule) return { error: ERR.saveInProgress };
    // A failure is logged by persistence and shown by INFO.
    this.#persistence.snapshotNow().catch(() => {});
    return { status: running ? "Background saving scheduled" : "Background saving started" };
  }

  waitAof(ctx: ClientContext, numLocal: number, timeoutMs: number, numReplicas: number): void {
    const client = ctx.session;
    const persistence = this.#persistence;
    if (numLocal > 0 && !this.#enabled) {
      ctx.reply.error(ERR.waitAofDisabled);
      return;
    }
    const { lastSequence } = client;
    const isSynced = () => this.#enabled && persistence.syncedSequence() >= lastSequence;
    const isEnough = () => numReplicas === 0 && (numLocal === 0 || isSynced());
    if (isEnough() || ctx.denyBlocking) {
      writeCounts(ctx.reply, isSynced());
      return;
    }
    const over = new AbortController();
    const { signal } = over;
    const answer = this.#dispatcher().suspend(client, () => over.abort());
    const end = (write: (reply: ReplyWriter) => void) => {
      if (signal.aborted) return;
      over.abort();
      answer(write);
    };
    const finish = () => end((reply) => writeCounts(reply, isSynced()));
    const refuse = (error: Error) => end((reply) => reply.error(persistence.writeError ?? `ERR ${error.message}`));
    if (timeoutMs > 0) {
      const timer = setTimeout(finish, Math.min(timeoutMs, TIMER_MS_MAX));
      signal.addEventListener("abort", () => clearTimeout(timer));
    }
    // There are no replicas: who asks for one waits until the time is up.
    if (numReplicas === 0) persistence.waitSynced(lastSequence, signal).then(finish, refuse);
  }

  waitReplicas(ctx: ClientContext, count: number, timeoutMs: number): void {
    if (count <= 0 || ctx.denyBlocking) {
      ctx.reply.int(0);
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const answer = this.#dispatcher().suspend(ctx.session, () => clearTimeout(timer));
    if (timeoutMs > 0) timer = setTimeout(() => answer((reply) => reply.int(0)), Math.min(timeoutMs, TIMER_MS_MAX));
  }
}

/** [syncs of the local log, of replicas] */
function writeCounts(reply: ReplyWriter, isSynced: boolean): void {
  reply.array(2);
  reply.int(isSynced ? 1 : 0);
  reply.int(0);
}
