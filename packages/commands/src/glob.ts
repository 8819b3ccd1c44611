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
 * need a second try, so the work is at most pattern x text and never exponential, and no pattern can exhaust the stack.
 */
import { lowerAscii } from "./errors.js";

const STAR = 42;
const MINUS = 45;
const QUESTION = 63;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const CARET = 94;

/** Whether the pattern matches the whole text; both are latin1 strings, one char per byte. */
export function globMatch(pattern: string, text: string): boolean {
  if (text.length === 0) return pattern.length === 0;
  let p = 0;
  let t = 0;
  let starP = -1;
  let starT = 0;
  while (t < text.length) {
    if (pattern.charCodeAt(p) === STAR) {
      starP = ++p;
      starT = t;
      if (p === pattern.length) return true;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, text.charCodeAt(t)) : -1;
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
  while (pattern.charCodeAt(p) === STAR) p++;
  return p === pattern.length;
}

/** The same for names whose case does not matter (configuration, commands): A-Z equal a-z, nothing else folds. */
export function globMatchAnyCase(pattern: string, text: string): boolean {
  return globMatch(lowerAscii(pattern), lowerAscii(text));
}

/** Whether the pattern has no special character, so that only the text equal to it matches. */
export function globIsLiteral(pattern: string): boolean {
  return !/[*?[\\]/.test(pattern);
}

/** Matches one byte against the pattern element at `p`, which is not a star. Returns the position behind it, or -1. */
function matchOne(pattern: string, p: number, byte: number): number {
  const element = pattern.charCodeAt(p);
  if (element === QUESTION) return p + 1;
  if (element === OPEN) return matchBrackets(pattern, p + 1, byte);
  if (element === BACKSLASH && p + 1 < pattern.length) return pattern.charCodeAt(p + 1) === byte ? p + 2 : -1;
  return element === byte ? p + 1 : -1;
}

function matchBrackets(pattern: string, start: number, byte: number): number {
  const end = pattern.length;
  let p = start;
  const negated = pattern.charCodeAt(p) === CARET;
  if (negated) p++;
  let found = false;
  for (; p < end && pattern.charCodeAt(p) !== CLOSE; p++) {
    if (pattern.charCodeAt(p) === BACKSLASH && p + 1 < end) {
      if (pattern.charCodeAt(++p) === byte) found = true;
    } else if (pattern.charCodeAt(p + 1) === MINUS && p + 2 < end) {
      const from = pattern.charCodeAt(p);
      const to = pattern.charCodeAt(p + 2);
      p += 2;
      if (byte >= Math.min(from, to) && byte <= Math.max(from, to)) found = true;
    } else if (pattern.charCodeAt(p) === byte) {
      found = true;
    }
  }
  if (found === negated) return -1;
  return p < end ? p + 1 : end;
}
