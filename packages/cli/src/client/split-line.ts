/**
 * Splits a typed line into arguments as redis-cli does:
 *
 *     word   "text with \n \r \t \b \a \\ \" and \xHH"   'text with only \''
 *
 * Valid: quotes are balanced, and a closing quote is followed by a space or the end. Arguments are bytes, since \xHH may be any byte.
 */

const escapes: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["b", "\b"],
  ["a", "\x07"],
]);

/** The arguments of a line, or null when its quotes are unbalanced. */
export function splitLine(line: string): Buffer[] | null {
  const bytes = Buffer.from(line, "utf8").toString("latin1");
  const args: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < bytes.length && isSpace(bytes, at)) at++;
    if (at >= bytes.length) return args;
    let text = "";
    while (at < bytes.length && !isSpace(bytes, at)) {
      const quote = bytes[at];
      if (quote !== '"' && quote !== "'") {
        text += bytes[at++];
        continue;
      }
      const quoted = readQuoted(bytes, at);
      if (quoted === null) return null;
      text += quoted.text;
      at = quoted.end;
    }
    args.push(Buffer.from(text, "latin1"));
  }
}

/** Reads from the opening quote at `start`; `end` is the place after the closing one. */
function readQuoted(bytes: string, start: number): { text: string; end: number } | null {
  const quote = bytes[start];
  let text = "";
  for (let at = start + 1; at < bytes.length; at++) {
    const char = bytes[at];
    if (char === quote) {
      return at + 1 === bytes.length || isSpace(bytes, at + 1) ? { text, end: at + 1 } : null;
    }
    if (char !== "\\") {
      text += char;
      continue;
    }
    const next = bytes[at + 1];
    if (quote === "'") {
      // Only \' is an escape here; any other backslash stands for itself.
      if (next === "'") at++;
      text += next === "'" ? "'" : "\\";
      continue;
    }
    if (next === undefined) return null;
    const hex = /^x([0-9a-f]{2})/i.exec(bytes.slice(at + 1, at + 4))?.[1];
    text += hex === undefined ? (escapes.get(next) ?? next) : String.fromCharCode(Number.parseInt(hex, 16));
    at += hex === undefined ? 1 : 3;
  }
  return null;
}

function isSpace(bytes: string, at: number): boolean {
  const code = bytes.charCodeAt(at);
  return code === 32 || (code >= 9 && code <= 13);
}
