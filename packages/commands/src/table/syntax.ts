/**
 * The short notation in which a declaration has the arguments of its command (`syntax`).
 *
 *   name  name:type        a value; the type is "string" unless given
 *   @name  @name/1         a key; it belongs to the first (second) key specification
 *   NX  CH=change:pure-token   a word that stands for itself, named as itself or otherwise
 *   EX=seconds:integer     a word with the value behind it
 *   <name: a | b>          one of these
 *   (name: a b)            these together
 *   ...?  ...+  ...++      optional; one or more; one or more, the word in front repeated each time
 */

import { lowerAscii } from "../errors.js";

/** One argument in the form that COMMAND DOCS gives. */
export interface CommandArgument {
  name: string;
  type: string;
  token: string | null;
  /** -1 = not a key. */
  keySpec: number;
  optional: boolean;
  multiple: boolean;
  multipleToken: boolean;
  readonly args: readonly CommandArgument[];
}

const TYPES = ["integer", "double", "pattern", "unix-time", "pure-token"];

/** Parses a line of arguments. Throws for a malformed one: the lines are our own. */
export function parseArguments(text: string): CommandArgument[] {
  const parser = new ArgumentParser(text);
  const args = parser.list("");
  parser.expectEnd();
  return args;
}

class ArgumentParser {
  #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  list(end: string): CommandArgument[] {
    const args: CommandArgument[] = [];
    for (;;) {
      this.#take(/[ |]*/y);
      if (this.#at === this.#text.length || (end !== "" && this.#text.startsWith(end, this.#at))) return args;
      args.push(this.#argument());
    }
  }

  expectEnd(): void {
    if (this.#at !== this.#text.length) throw new Error(`cannot read "${this.#text}" at ${this.#at}`);
  }

  #argument(): CommandArgument {
    const token = this.#take(/[A-Z][A-Z-]*(?==)/y);
    if (token !== "") this.#at++;
    const arg = this.#text[this.#at] === "<" || this.#text[this.#at] === "(" ? this.#group() : this.#value();
    if (token !== "") arg.token = token;
    const suffix = this.#take(/[+?]*/y);
    arg.optional = suffix.endsWith("?");
    arg.multiple = suffix.startsWith("+");
    arg.multipleToken = suffix.startsWith("++");
    return arg;
  }

  #group(): CommandArgument {
    const oneOf = this.#text[this.#at++] === "<";
    const name = this.#take(/[^:]+/y);
    this.#at++;
    const args = this.list(oneOf ? ">" : ")");
    this.#at++;
    return { ...plain(name, oneOf ? "oneof" : "block"), args };
  }

  #value(): CommandArgument {
    const word = this.#take(/[^ ?+|<>()]+/y);
    if (word === "") throw new Error(`cannot read "${this.#text}" at ${this.#at}`);
    if (word.startsWith("@")) {
      const [name, spec] = word.slice(1).split("/");
      return { ...plain(name, "key"), keySpec: Number(spec ?? 0) };
    }
    if (/^[A-Z][A-Z-]*$/.test(word)) return { ...plain(lowerAscii(word), "pure-token"), token: word };
    const colon = word.lastIndexOf(":");
    const type = word.slice(colon + 1);
    return colon > 0 && TYPES.includes(type) ? plain(word.slice(0, colon), type) : plain(word, "string");
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}

function plain(name: string, type: string): CommandArgument {
  return { name, type, token: null, keySpec: -1, optional: false, multiple: false, multipleToken: false, args: [] };
}
