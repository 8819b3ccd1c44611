/** Counters for INFO. Everything counts from the start or from CONFIG RESETSTAT. */

const SAMPLES = 16;
/** Kinds of errors told apart; commands could make up more only by mistake. */
const ERROR_KINDS_MAX = 128;

/** Plain numbers that the serving code adds to and INFO reads. */
export class ServerStats {
  /** When the server started, on the monotonic clock; CONFIG RESETSTAT leaves it. */
  readonly startedMs: number;
  connectionsReceived = 0;
  connectionsRejected = 0;
  commandsProcessed = 0;
  errorReplies = 0;
  netInputBytes = 0;
  netOutputBytes = 0;
  outputLimitDisconnections = 0;
  queryLimitDisconnections = 0;
  /** Largest amounts seen for one client. */
  maxInputBuffer = 0;
  maxOutputBuffer = 0;
  /** The most of used_memory that INFO or the cron has seen, in bytes; CONFIG RESETSTAT leaves it. */
  peakUsed = 0;
  /** How often replies had to wait for the log: once for each connection and turn of the event loop. */
  repliesHeld = 0;
  /** Runs of the expiry sweep that stopped at their time limit. */
  expireTimeCapReached = 0;

  /** Error replies by their first word. */
  readonly errors = new Map<string, number>();

  #opsSamples = new Float64Array(SAMPLES);
  #inputSamples = new Float64Array(SAMPLES);
  #outputSamples = new Float64Array(SAMPLES);
  #samples = 0;
  #lastSampleMs: number;
  #lastOps = 0;
  #lastInput = 0;
  #lastOutput = 0;

  /** @param startedMs of the monotonic clock */
  constructor(startedMs: number) {
    this.startedMs = startedMs;
    this.#lastSampleMs = startedMs;
  }

  /** Counts an error reply that begins with `word`. */
  countError(word: string): void {
    this.errorReplies++;
    const count = this.errors.get(word);
    if (count !== undefined || this.errors.size < ERROR_KINDS_MAX) this.errors.set(word, (count ?? 0) + 1);
  }

  /** Takes a sample for the per-second figures; called by the cron about every 100 ms, with the monotonic clock's time. */
  sample(nowMs: number): void {
    const seconds = (nowMs - this.#lastSampleMs) / 1000;
    if (seconds <= 0) return;
    const slot = this.#samples++ % SAMPLES;
    this.#opsSamples[slot] = (this.commandsProcessed - this.#lastOps) / seconds;
    this.#inputSamples[slot] = (this.netInputBytes - this.#lastInput) / seconds;
    this.#outputSamples[slot] = (this.netOutputBytes - this.#lastOutput) / seconds;
    this.#remember(nowMs);
  }

  /** Everything that INFO shows; the per-second figures are those of about the last 1.6 seconds. */
  figures() {
    const { connectionsReceived, connectionsRejected, commandsProcessed, errorReplies, repliesHeld } = this;
    const { netInputBytes, netOutputBytes, expireTimeCapReached } = this;
    const { outputLimitDisconnections, queryLimitDisconnections } = this;
    return {
      ...{ connectionsReceived, connectionsRejected, commandsProcessed, errorReplies, repliesHeld },
      ...{ netInputBytes, netOutputBytes },
      ...{ expireTimeCapReached, outputLimitDisconnections, queryLimitDisconnections },
      opsPerSecond: Math.round(mean(this.#opsSamples)),
      inputBytesPerSecond: mean(this.#inputSamples),
      outputBytesPerSecond: mean(this.#outputSamples),
    };
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    this.errors.clear();
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.commandsProcessed = 0;
    this.errorReplies = 0;
    this.netInputBytes = 0;
    this.netOutputBytes = 0;
    this.outputLimitDisconnections = 0;
    this.queryLimitDisconnections = 0;
    this.maxInputBuffer = 0;
    this.maxOutputBuffer = 0;
    this.repliesHeld = 0;
    this.expireTimeCapReached = 0;
    this.#opsSamples.fill(0);
    this.#inputSamples.fill(0);
    this.#outputSamples.fill(0);
    this.#remember(this.#lastSampleMs);
  }

  #remember(nowMs: number): void {
    this.#lastSampleMs = nowMs;
    this.#lastOps = this.commandsProcessed;
    this.#lastInput = this.netInputBytes;
    this.#lastOutput = this.netOutputBytes;
  }
}

function mean(samples: Float64Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample;
  return sum / SAMPLES;
}
