/** What happens ten times a second: expired keys go, half-empty memory is gathered, clients are looked after. All in bounded steps. */
import type { ClientState } from "../clients/client-state.js";
import type { Core } from "../core.js";

const INTERVAL_MS = 100;
/** One step of the expiry sweep, in buckets of the index: 49 s for one round through a million keys of which few expire. */
const EXPIRE_STEP = 2048;
/** While steps find much to expire, the sweep goes on: for so long at once (and the rest of a step), then clients have their turn. */
const EXPIRE_MS_MAX = 2;
/** Until it goes on. So a seventh to a quarter of the time goes into it; in Redis a quarter, 25 ms at once. */
const EXPIRE_REST_MS = 12;
/** A step that expired fewer keys than this ends the sweep until the next turn. */
const EXPIRE_GO_ON = EXPIRE_STEP / 32;
const EVACUATE_STEP = 2000;
const EVACUATE_MS_MAX = 5;
const GIVE_BACK_MS_MAX = 2;
/** Clients looked at in one turn. */
const CLIENTS_PER_TURN = 1000;

/** Starts with the server and ends with it. */
export class Cron {
  readonly #core: Core;
  readonly #timer: NodeJS.Timeout;
  /** Runs between two turns while much expires. */
  #expireTimer: NodeJS.Timeout | null = null;
  #check: NodeJS.Immediate | null = null;
  #clientsLeft: Iterator<ClientState> | null = null;

  constructor(core: Core) {
    this.#core = core;
    this.#timer = setInterval(() => this.#turn(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#expireTimer !== null) clearTimeout(this.#expireTimer);
    if (this.#check !== null) clearImmediate(this.#check);
  }

  #turn(): void {
    const core = this.#core;
    core.stats.sample(core.clock.tick());
    if (core.persistence.loading === null) {
      core.keyspace.nowMs = core.clock.wallMs();
      if (this.#expireTimer === null) this.#expire();
      this.#evacuate();
      this.#giveBack();
    }
    this.#lookAtMemory();
    // Not after each turn: where replies are large one after the other, the buffer would be made anew for each.
    core.dispatcher.reply.trim();
    // Behind the next poll: what has arrived while something long ran is read before anybody is called idle.
    this.#check ??= setImmediate(() => this.#checkClients());
    if (core.ticker.isWaiting) core.ticker.schedule();
  }

  #expireMore(): void {
    const { keyspace, ticker, clock } = this.#core;
    this.#expireTimer = null;
    keyspace.nowMs = clock.wallMs();
    this.#expire();
    if (ticker.isWaiting) ticker.schedule();
  }

  #expire(): void {
    const { keyspace, dispatcher, ticker, stats, persistence, clock } = this.#core;
    if (ticker.congested || persistence.writeError !== null) return;
    const endMs = clock.monotonicMs() + EXPIRE_MS_MAX;
    let expired: number;
    do {
      expired = keyspace.activeExpire(EXPIRE_STEP);
      dispatcher.commitChores();
      if (expired >= EXPIRE_GO_ON && clock.monotonicMs() > endMs) {
        stats.expireTimeCapReached++;
        this.#expireTimer = setTimeout(() => this.#expireMore(), EXPIRE_REST_MS);
        return;
      }
    } while (expired >= EXPIRE_GO_ON && !ticker.congested);
  }

  #evacuate(): void {
    const { keyspace, clock } = this.#core;
    const endMs = clock.monotonicMs() + EVACUATE_MS_MAX;
    while (keyspace.evacuate(EVACUATE_STEP) >= EVACUATE_STEP && clock.monotonicMs() < endMs);
  }

  /** Memory of what was deleted: first blocks of lists, then a slab, whose unmapping is a step that cannot be cut. */
  #giveBack(): void {
    const { keyspace, clock } = this.#core;
    const endMs = clock.monotonicMs() + GIVE_BACK_MS_MAX;
    for (const memory of keyspace.memories) while (memory.giveDiscarded()) if (clock.monotonicMs() > endMs) return;
    keyspace.memories.some((memory) => memory.releaseSlab());
  }

  /** For the peak that INFO tells. */
  #lookAtMemory(): void {
    const { stats, keyspace, heap, dispatcher } = this.#core;
    stats.peakUsed = Math.max(stats.peakUsed, heap.startupBytes + keyspace.usedBytes());
    dispatcher.lookAtHeap();
  }

  #checkClients(): void {
    this.#check = null;
    const nowMs = this.#core.clock.recentMs;
    this.#clientsLeft ??= this.#core.clients.all();
    for (let i = 0; i < CLIENTS_PER_TURN; i++) {
      const next = this.#clientsLeft.next();
      if (next.done) {
        this.#clientsLeft = null;
        return;
      }
      next.value.check(nowMs);
    }
  }
}
