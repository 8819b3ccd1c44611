/**
 * Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET understand them:
 *
 *   *          any bytes, also none            [abc]      one of these bytes
 *   ?          any one byte                    [a-z]      a byte in the range, whichever way round it is written
 *   \x         the byte x itself               [^a-z]     a byte not among them; \ escapes inside brackets as well
 *
 * Bytes are compared as 0 to 255. (Redis does so on ARM; on x86 its ranges take bytes from 128 on as negative.)
 * The empty text matches only the empty pattern: `*` does not match it (KEYS and SCAN do not ask when the pattern is just `*`).
 * An open bracket without its end takes the rest of the pattern as its content; a single \ at the end means itself.
 *
 * Two pointers and no recursion: when a byte does not match, the last star takes one byte more and the matching goes on behind it. Earlier stars never
 * need a second try, so the work is at most elements of the pattern x text and never exponential, and no pattern can exhaust the stack. A
 * bracket is one element, however long: a long one is taken apart the first time that it is met, and is a look into a table from then on.
 */

const STAR = 42;
const MINUS = 45;
const QUESTION = 63;
const UPPER_A = 65;
const UPPER_Z = 90;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;
const BYTES = 256;
const TO_LOWER = 32;
/** No byte: the pattern has ended. */
const END = -1;
/** 1 for a byte that does not stand for itself. */
const special = new Uint8Array(BYTES);
for (const byte of [STAR, QUESTION, OPEN, BACKSLASH]) special[byte] = 1;
const asItIs = Uint8Array.from({ length: BYTES }, (_, byte) => byte);
const lowerCase = asItIs.map((byte) => (byte >= UPPER_A && byte <= UPPER_Z ? byte + TO_LOWER : byte));

/** Only a longer bracket is remembered: the tables of many short ones would be many times as large as the pattern. */
const SHORT_BRACKET_BYTES = 64;
/** Which bytes the bracket names that is being looked at. */
const scratch = new Uint8Array(BYTES);

/** A bracket that was taken apart. */
interface Bracket {
  /** 1 for each byte that it names. */
  readonly named: Uint8Array;
  /** Position behind it. */
  readonly end: number;
}

/** One pattern, to be asked about many texts. */
export class Glob {
  readonly #pattern: Uint8Array;
  /** What each byte is compared as. */
  readonly #fold: Uint8Array;
  /** Long brackets by the position behind their [; made when the first one is met. */
  #long: Map<number, Bracket> | null = null;

  /**
   * @param pattern latin1, one char per byte
   * @param anyCase for names whose case does not matter (configuration, commands): A-Z equal a-z, but not behind a \ in brackets
   */
  constructor(pattern: string, anyCase = false) {
    this.#pattern = Buffer.from(pattern, "latin1");
    this.#fold = anyCase ? lowerCase : asItIs;
  }

  /** Whether the pattern matches a whole latin1 text. */
  matchesText(text: string): boolean {
    return this.matches(Buffer.from(text, "latin1"), 0, text.length);
  }

  /** Whether the pattern matches all of the bytes `buf[off, off + len)`. */
  matches(buf: Uint8Array, off: number, len: number): boolean {
    const pattern = this.#pattern;
    const patternEnd = pattern.length;
    if (len === 0) return patternEnd === 0;
    const end = off + len;
    let p = 0;
    let t = off;
    let starP = -1;
    let starT = 0;
    for (;;) {
      // What most of the time goes into: bytes that stand for themselves.
      while (t < end && p < patternEnd && pattern[p] === buf[t] && special[pattern[p] as number] === 0) {
        p++;
        t++;
      }
      if (t === end) break;
      const element = p < patternEnd ? (pattern[p] as number) : END;
      if (element === STAR) {
        starP = ++p;
        starT = t;
        if (p === patternEnd) return true;
        continue;
      }
      const next = this.#matchOne(element, p, buf[t] as number);
      if (next >= 0) {
        p = next;
        t++;
      } else if (starP >= 0) {
        p = starP;
        t = ++starT;
      } else {
        return false;
      }
    }
    while (pattern[p] === STAR) p++;
    return p === patternEnd;
  }

  /** Matches one byte against the element at `p`, which is not a star. Returns the position behind it, or -1. */
  #matchOne(element: number, p: number, byte: number): number {
    if (element === QUESTION) return p + 1;
    if (element === OPEN) return this.#matchBracket(p + 1, byte);
    const isEscaped = element === BACKSLASH && p + 1 < this.#pattern.length;
    const at = isEscaped ? p + 1 : p;
    return element !== END && this.#fold[this.#pattern[at] as number] === this.#fold[byte] ? at + 1 : -1;
  }

  /** Matches one byte against the bracket whose content begins at `start`. Returns the position behind it, or -1. */
  #matchBracket(start: number, byte: number): number {
    const negated = this.#pattern[start] === CARET;
    const { named, end } = this.#long?.get(start) ?? this.#takeApart(negated ? start + 1 : start);
    if (named === scratch && end - start > SHORT_BRACKET_BYTES) {
      this.#long ??= new Map();
      this.#long.set(start, { named: scratch.slice(), end });
    }
    return (named[byte] === 1) === negated ? -1 : end;
  }

  /** Reads the bracket whose content begins at `start`. */
  #takeApart(start: number): Bracket {
    const pattern = this.#pattern;
    const { length } = pattern;
    const named = scratch.fill(0);
    let p = start;
    for (; p < length && pattern[p] !== CLOSE; p++) {
      const byte = pattern[p] as number;
      if (byte === BACKSLASH && p + 1 < length) {
        named[pattern[++p] as number] = 1;
      } else if (pattern[p + 1] === MINUS && p + 2 < length) {
        p += 2;
        this.#nameRange(byte, pattern[p] as number);
      } else {
        this.#nameRange(byte, byte);
      }
    }
    return { named, end: p < length ? p + 1 : length };
  }

  /** Names what lies between two bytes. As in Redis the ends are put in order before their case is made equal: [a-C] is empty then. */
  #nameRange(one: number, other: number): void {
    const from = Math.min(one, other);
    const to = Math.max(one, other);
    if (this.#fold === asItIs) {
      scratch.fill(1, from, to + 1);
      return;
    }
    const [foldedFrom, foldedTo] = [lowerCase[from] as number, lowerCase[to] as number];
    for (let byte = 0; byte < BYTES; byte++) {
      const folded = lowerCase[byte] as number;
      if (folded >= foldedFrom && folded <= foldedTo) scratch[byte] = 1;
    }
  }
}
