/**
 * Whether the log keeps those who only read waiting for too long.
 *
 *   even     ── a reply is held ──────────────────────────────► watched, with the last entry that there is
 *   watched  ── READ_WAIT_MS later that entry is not acked ───► late, with the last entry that there is then
 *   watched  ── it is, and other replies are held ────────────► watched anew; even where none is
 *   any      ── the log is congested ─────────────────────────► late
 *   late     ── that entry is acked ──────────────────────────► even
 *
 * With ack level "synced" nothing is ever late: a reader waits as long as the disk does. The level is asked for at every step, since it may
 * be raised while the log is late.
 */
import type { Persistence } from "../persistence/index.js";

/** A client that only reads waits at most twice this long for what others write, unless the ack level is "synced". */
const READ_WAIT_MS = 5;

export class LagWatch {
  readonly #persistence: Pick<Persistence, "ackLevel" | "ackedSequence" | "lastSequence">;
  readonly #isHolding: () => boolean;
  readonly #onLate: () => void;
  #state: "even" | "watched" | "late" = "even";
  /** The entry of the state. */
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param isHolding whether replies are held
   * @param onLate called when the log became late
   */
  constructor(
    persistence: Pick<Persistence, "ackLevel" | "ackedSequence" | "lastSequence">,
    isHolding: () => boolean,
    onLate: () => void,
  ) {
    this.#persistence = persistence;
    this.#isHolding = isHolding;
    this.#onLate = onLate;
  }

  /** Whether replies to those who only read may pass. */
  get late(): boolean {
    if (this.#state !== "late") return false;
    const { ackLevel } = this.#persistence;
    if (ackLevel === "synced" || this.#persistence.ackedSequence() >= this.#sequence) this.#state = "even";
    return this.#state === "late";
  }

  /** A reply is held. */
  held(): void {
    if (this.#state === "even" && this.#persistence.ackLevel !== "synced") this.#watch();
  }

  /** The log is so far behind that writers have to wait. */
  congested(): void {
    if (this.#persistence.ackLevel === "synced") return;
    clearTimeout(this.#timer);
    this.#state = "late";
    this.#sequence = this.#persistence.lastSequence;
    this.#onLate();
  }

  #watch(): void {
    this.#state = "watched";
    this.#sequence = this.#persistence.lastSequence;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), READ_WAIT_MS);
  }

  #look(): void {
    if (this.#state !== "watched") return;
    this.#state = "even";
    if (!this.#isHolding() || this.#persistence.ackLevel === "synced") return;
    if (this.#persistence.ackedSequence() < this.#sequence) this.congested();
    else this.#watch();
  }
}
