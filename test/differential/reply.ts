/**
 * Replies with their types, read strictly: what a server may not send is an error here, not something to be lenient about.
 *
 *   + simple   - error   : integer   $ bulk   * array                                (RESP2)
 *   _ null   , double   # boolean   ( big number   = verbatim   % map   ~ set   > push   (RESP3)
 */

/** The first byte of a reply; the two nulls of RESP2 are kinds of their own. */
export type Kind = "+" | "-" | ":" | "$" | "*" | "_" | "," | "#" | "(" | "=" | "%" | "~" | ">" | "$-1" | "*-1";

/** One reply. Texts are latin1. A map's items are its keys and values in turn. */
export interface Reply {
  readonly kind: Kind;
  readonly text: string;
  readonly items: readonly Reply[];
}

const NOTHING: readonly Reply[] = [];
const INTEGER = /^(?:0|-?[1-9]\d*)$/;
const LENGTH = /^(?:0|[1-9]\d{0,9})$/;
const DOUBLE = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|-?inf|nan)$/;
const CR = 13;
const LF = 10;

class Incomplete extends Error {}
const incomplete = new Incomplete();

/** Takes bytes as they come and gives whole replies. */
export class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** The replies that `chunk` completes. @throws on anything that is not RESP. */
  feed(chunk: Buffer): Reply[] {
    this.#bytes = this.#bytes.length === this.#at ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
    const replies: Reply[] = [];
    while (this.#at < this.#bytes.length) {
      const start = this.#at;
      try {
        replies.push(this.#next());
      } catch (error) {
        if (!(error instanceof Incomplete)) throw error;
        this.#at = start;
        break;
      }
    }
    return replies;
  }

  #next(): Reply {
    const kind = String.fromCharCode(this.#bytes[this.#at++]);
    const line = this.#line();
    switch (kind) {
      case "+":
      case "-":
        return scalar(kind, line);
      case ":":
      case "(":
        return scalar(kind, matching(INTEGER, kind, line));
      case ",":
        return scalar(kind, matching(DOUBLE, kind, line));
      case "#":
        return scalar(kind, matching(/^[tf]$/, kind, line));
      case "_":
        return scalar(kind, matching(/^$/, kind, line));
      case "$":
        return line === "-1" ? scalar("$-1", "") : scalar(kind, this.#bulk(kind, line));
      case "=":
        return scalar(kind, matching(/^[a-z]{3}:/, kind, this.#bulk(kind, line)));
      case "*":
        return line === "-1" ? scalar("*-1", "") : this.#items(kind, line, 1);
      case "~":
      case ">":
        return this.#items(kind, line, 1);
      case "%":
        return this.#items(kind, line, 2);
      default:
        throw new Error(`no reply begins with ${JSON.stringify(kind + line)}`);
    }
  }

  #line(): string {
    const end = this.#bytes.indexOf(CR, this.#at);
    if (end < 0 || end + 1 >= this.#bytes.length) throw incomplete;
    if (this.#bytes[end + 1] !== LF) throw new Error("CR without LF in the first line of a reply");
    const line = this.#bytes.toString("latin1", this.#at, end);
    if (line.includes("\n")) throw new Error(`LF without CR in ${JSON.stringify(line)}`);
    this.#at = end + 2;
    return line;
  }

  #bulk(kind: Kind, length: string): string {
    const end = this.#at + Number(matching(LENGTH, kind, length));
    if (end + 2 > this.#bytes.length) throw incomplete;
    if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) throw new Error("a bulk is longer than it says");
    const text = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end + 2;
    return text;
  }

  #items(kind: Kind, length: string, factor: number): Reply {
    const count = Number(matching(LENGTH, kind, length)) * factor;
    const items: Reply[] = [];
    for (let i = 0; i < count; i++) {
      if (this.#at >= this.#bytes.length) throw incomplete;
      items.push(this.#next());
    }
    return { kind, text: "", items };
  }
}

function scalar(kind: Kind, text: string): Reply {
  return { kind, text, items: NOTHING };
}

function matching(pattern: RegExp, kind: string, text: string): string {
  if (!pattern.test(text)) throw new Error(`not a well-formed reply: ${JSON.stringify(kind + text.slice(0, 100))}`);
  return text;
}

/** Whether two replies are the same, byte for byte and type for type. */
export function sameReply(a: Reply, b: Reply): boolean {
  if (a.kind !== b.kind || a.text !== b.text || a.items.length !== b.items.length) return false;
  for (let i = 0; i < a.items.length; i++) if (!sameReply(a.items[i], b.items[i])) return false;
  return true;
}

/** A reply on one line for people, cut when it is long. */
export function showReply(reply: Reply, charsMax = 600): string {
  const text = show(reply);
  return text.length > charsMax ? `${text.slice(0, charsMax)}... (${text.length} characters)` : text;
}

function show({ kind, text, items }: Reply): string {
  if (kind === "$") return JSON.stringify(text);
  if (kind === "$-1" || kind === "*-1" || kind === "_") return kind;
  if ("*%~>".includes(kind)) return `${kind}[${items.map(show).join(", ")}]`;
  return `${kind}${JSON.stringify(text).slice(1, -1)}`;
}
