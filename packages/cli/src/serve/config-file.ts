/**
 * Reads a configuration file. Two forms, told apart by the first character:
 *
 *     { "port": 7000, "dataDir": "/var/lib/hearthkv", "ack": "synced" }     JSON: names in camelCase or as the flags
 *
 *     # Redis style: a name and its words on each line, quoted as redis.conf has it ("a \x41", 'it is'); the last one holds
 *     port 7000
 *     dir "/var/lib/hearthkv"
 *     appendfsync always
 *     include /etc/hearthkv/more.conf
 *     include /etc/hearthkv/conf.d/*.conf             which may be none
 *
 * Valid: every name is a setting (or its name in redis.conf) or a parameter of CONFIG SET or of redis.conf, and has words that it can have. All that
 * is wrong is told at once, by file, line and name, and never by what else stands on a line: that may be a password.
 */
import { readFileSync } from "node:fs";
import { splitLine } from "../client/split-line.js";
import { expandPath } from "./expand-path.js";
import { type Setting, type SettingKey, settings } from "./settings.js";

/** A value as text and where it stands, for the error that its reader may throw. */
export interface PlacedValue {
  readonly text: string;
  /** Such as `/etc/hearthkv.conf:3: port`. */
  readonly place: string;
}

/** What files say. */
export interface FileContent {
  /** Values by setting; settings that are not named are absent. */
  readonly values: Map<SettingKey, PlacedValue>;
  /** Lines that are the server's: a name and its words. */
  readonly config: (readonly string[])[];
  /** Lines for the user. */
  readonly problems: string[];
}

/** What the server thinks of a line: its problem, or null. */
export type ConfigProblem = (name: string, words: readonly string[]) => string | null;

/** Files that include each other would go on for ever. */
const INCLUDE_DEPTH_MAX = 16;

const keysByName = new Map<string, SettingKey>();
for (const [key, setting] of Object.entries(settings) as [SettingKey, Setting<unknown>][]) {
  for (const name of [key, setting.name, ...(setting.fileNames ?? [])]) keysByName.set(name, key);
}

/** Reads a file, and those that it includes. Problems are part of the result. */
export function readConfigFile(path: string, configProblem: ConfigProblem): FileContent {
  const reader = new Reader(configProblem);
  reader.read(path, "the configuration file", 0);
  return reader.content;
}

class Reader {
  readonly content: FileContent = { values: new Map(), config: [], problems: [] };
  readonly #configProblem: ConfigProblem;

  constructor(configProblem: ConfigProblem) {
    this.#configProblem = configProblem;
  }

  read(path: string, what: string, depth: number): void {
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      this.content.problems.push(`${what} cannot be read: ${(error as Error).message}`);
      return;
    }
    const text = utf8(bytes);
    if (text === null) this.content.problems.push(`${path}: not UTF-8`);
    else if (text.trimStart().startsWith("{")) this.#readJson(text, path);
    else this.#readLines(text, path, depth);
  }

  #readJson(text: string, path: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      // V8 quotes what stands around the place.
      const reason = (error as Error).message.replace(/, (\.\.\.)?".*/s, "");
      this.content.problems.push(`${path}: not valid JSON: ${reason}`);
      return;
    }
    for (const [name, value] of Object.entries(parsed as object)) {
      const place = `${path}: ${name}`;
      const key = keysByName.get(name);
      const isText = key !== undefined && typeof settings[key].fallback === "string";
      if (typeof value === "string") this.#place(name, [value], place);
      else if (isText) this.content.problems.push(`${place} must be a string in quotes`);
      else if (typeof value === "boolean") this.#place(name, [value ? "yes" : "no"], place);
      else if (typeof value === "number" && isExact(value)) this.#place(name, [String(value)], place);
      else this.content.problems.push(`${place} must be a string, a number, true or false`);
    }
  }

  #readLines(text: string, path: string, depth: number): void {
    for (const [index, line] of text.split("\n").entries()) {
      const trimmed = line.trim();
      if (trimmed === "" || trimmed.startsWith("#")) continue;
      const place = `${path}:${index + 1}:`;
      const words = splitLine(trimmed)?.map(utf8);
      if (words === undefined) {
        this.content.problems.push(`${place} ${nameOf(trimmed)} has quotes that do not match`);
      } else if (words.includes(null)) {
        this.content.problems.push(`${place} ${nameOf(trimmed)} is not UTF-8`);
      } else {
        const [name = "", ...rest] = words as string[];
        this.#takeLine(name.toLowerCase(), rest, `${place} ${name}`, depth);
      }
    }
  }

  #takeLine(name: string, words: readonly string[], place: string, depth: number): void {
    if (name !== "include") this.#place(name, words, place);
    else if (words.length !== 1) this.content.problems.push(`${place} needs the name of one file`);
    else if (depth === INCLUDE_DEPTH_MAX) this.content.problems.push(`${place} is more than ${depth} files deep`);
    else this.#include(words[0] as string, place, depth + 1);
  }

  #include(pattern: string, place: string, depth: number): void {
    try {
      for (const path of expandPath(pattern)) this.read(path, place, depth);
    } catch (error) {
      this.content.problems.push(`${place} cannot be read: ${(error as Error).message}`);
    }
  }

  #place(name: string, words: readonly string[], place: string): void {
    const { values, config, problems } = this.content;
    const key = keysByName.get(name);
    if (key === undefined) {
      const problem = this.#configProblem(name, words);
      if (problem === null) config.push([name, ...words]);
      else problems.push(`${place}: ${problem}`);
      return;
    }
    const several = (settings[key] as Setting<unknown>).severalWords === true;
    if (words.length === 0 || (words.length > 1 && !several)) problems.push(`${place} needs exactly one value`);
    else values.set(key, { text: words.join(" "), place });
  }
}

/** Of a line that cannot be taken apart; "a line" where even that is quoted. */
function nameOf(line: string): string {
  return /^[\w-]+(?=\s|$)/.exec(line)?.[0] ?? "a line";
}

/** Whether the number is the one that was written: beyond 2^53 others are rounded to it. */
function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** null where bytes are no UTF-8: they would be replaced without a word, in passwords as well. */
function utf8(bytes: Buffer): string | null {
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : null;
}
