/** A progress bar on the terminal behind stderr; nothing where there is none, so that files and pipes stay clean. */

const BAR_CHARS = 30;
const REDRAW_MS = 50;

/** Shows how far something is. */
export class ProgressBar {
  readonly #label: string;
  readonly #out: NodeJS.WriteStream;
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(label: string, out: NodeJS.WriteStream = process.stderr) {
    this.#label = label;
    this.#out = out;
  }

  /** `fraction` of the work is done, 0 to 1. */
  show(fraction: number): void {
    const now = performance.now();
    if (!this.#out.isTTY || now - this.#drawn < REDRAW_MS) return;
    this.#drawn = now;
    const full = Math.round(Math.min(1, fraction) * BAR_CHARS);
    const bar = "#".repeat(full) + ".".repeat(BAR_CHARS - full);
    this.#out.write(`\r${this.#label} [${bar}] ${Math.floor(Math.min(1, fraction) * 100)} %`);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.#drawn > Number.NEGATIVE_INFINITY) this.#out.write("\r\x1b[K");
  }
}
