import type { Request } from "./request.js";

/*
 * An inline request is a line of words, as one types it into telnet:
 *
 *   SET key "a value\n" 'x y'        words are separated by blanks
 *   "..."   \n \r \t \b \a \xHH are decoded, any other \c is c
 *   '...'   only \' is decoded
 *   a"b c"  a quoted part may follow other characters and belongs to the same word
 *
 * A closing quote must be followed by a blank or the end of the line; anything else is "unbalanced quotes".
 */

const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;
const LOWER_X = 120;

/** isspace() of the C locale: blanks between words and after a closing quote. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** What ends a word without quotes; \v and \f do not, as in Redis. */
function endsWord(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === 10 || byte === 13;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function escaped(byte: number): number {
  switch (byte) {
    case 110:
      return 10; // \n
    case 114:
      return 13; // \r
    case 116:
      return 9; // \t
    case 98:
      return 8; // \b
    case 97:
      return 7; // \a
    default:
      return byte;
  }
}

/**
 * Splits the line `buf[from, to)`, which has no line end and no NUL, into the arguments of `request`.
 * Words are decoded in place (a decoded word is never longer than its source), so the line is overwritten.
 * @returns false when quotes are unbalanced; the arguments are then undefined.
 */
export function splitInline(buf: Buffer, from: number, to: number, request: Request): boolean {
  request.buf = buf;
  request.argc = 0;
  let read = from;
  let write = from;
  for (;;) {
    while (read < to && isSpace(buf[read])) read++;
    if (read >= to) return true;
    const start = write;
    while (read < to && !endsWord(buf[read])) {
      const byte = buf[read];
      if (byte !== DOUBLE_QUOTE && byte !== SINGLE_QUOTE) {
        buf[write++] = byte;
        read++;
        continue;
      }
      // Between the quotes the write position runs behind the read position; both come back through `cursor`.
      const end =
        byte === DOUBLE_QUOTE ? copyDoubleQuoted(buf, read + 1, to, write) : copySingleQuoted(buf, read + 1, to, write);
      if (end < 0) return false;
      read = end;
      write = cursor;
      break;
    }
    request.push(start, write - start);
  }
}

/** Where the last quoted part stopped writing: a second result without an allocation. */
let cursor = 0;

/** The closing quote at `quote` ends the word: returns the position after it, or -1 when something else follows. */
function afterQuote(buf: Buffer, quote: number, to: number, write: number): number {
  if (quote + 1 < to && !isSpace(buf[quote + 1])) return -1;
  cursor = write;
  return quote + 1;
}

function copyDoubleQuoted(buf: Buffer, from: number, to: number, start: number): number {
  let write = start;
  for (let read = from; read < to; read++) {
    const byte = buf[read];
    if (byte === DOUBLE_QUOTE) return afterQuote(buf, read, to, write);
    if (byte !== BACKSLASH || read + 1 >= to) {
      buf[write++] = byte;
      continue;
    }
    const next = buf[++read];
    const high = next === LOWER_X && read + 2 < to ? hexDigit(buf[read + 1]) : -1;
    const low = high >= 0 ? hexDigit(buf[read + 2]) : -1;
    if (low >= 0) {
      buf[write++] = high * 16 + low;
      read += 2;
    } else {
      buf[write++] = escaped(next);
    }
  }
  return -1;
}

function copySingleQuoted(buf: Buffer, from: number, to: number, start: number): number {
  let write = start;
  for (let read = from; read < to; read++) {
    const byte = buf[read];
    if (byte === SINGLE_QUOTE) return afterQuote(buf, read, to, write);
    if (byte === BACKSLASH && read + 1 < to && buf[read + 1] === SINGLE_QUOTE) read++;
    buf[write++] = buf[read];
  }
  return -1;
}
