/**
 * Which arguments of a request are keys, and how they are used: the one place that says so. A command declares it with Redis's key specifications (COMMAND INFO
 * prints them): where to begin, and which arguments from there on.
 *
 *   GET key                              key(1, "RO access")
 *   MSET key value [key value ...]       keyRange(1, -1, "OW update", 2)
 *   ZUNIONSTORE dst numkeys key ...      key(1, "OW update"), countedKeys(2, "RO access")
 *   MIGRATE ... KEYS key ...             keysBehind("KEYS", -2, "RW access delete")
 */
import { parseSafeInt, type Request } from "@hearthkv/resp";
import type { TableRow } from "./command-table.js";

/**
 * One specification. `use` has Redis's words: RO, RW, OW (overwritten) or RM (removed), and then what for: access (the value is seen by the user), update, insert,
 * delete; also not_key, incomplete, variable_flags.
 */
export interface KeySpec {
  readonly use: string;
  /** The argument to begin at, or the word that it stands behind, looked for from argument `from` on (negative: backwards from the end). */
  readonly begin: number | { readonly word: string; readonly from: number };
  readonly find: KeyRange | KeyCount;
}

/** Every `step`th argument up to `last`, which counts from the first key, or negative from the end; `limit` n > 1: only the first 1/n of what is left. */
export interface KeyRange {
  readonly last: number;
  readonly step: number;
  readonly limit: number;
}

/** As many keys as the argument `count` behind the beginning says; the first is `first` behind it. */
export interface KeyCount {
  readonly count: number;
  readonly first: number;
  readonly step: number;
}

/** A key of a request: the argument that it is, and its specification's `use`. */
export interface KeyUse {
  readonly index: number;
  readonly use: string;
}

/** Argument `at` is a key. */
export function key(at: number, use: string): KeySpec {
  return { use, begin: at, find: { last: 0, step: 1, limit: 0 } };
}

/** Arguments from `first` to `last` (negative: counted from the end, -1 is the last) are keys, every `step`th of them. */
export function keyRange(first: number, last: number, use: string, step = 1): KeySpec {
  return { use, begin: first, find: { last: last < 0 ? last : last - first, step, limit: 0 } };
}

/** Argument `at` says how many keys follow. */
export function countedKeys(at: number, use: string): KeySpec {
  return { use, begin: at, find: { count: 0, first: 1, step: 1 } };
}

/** What stands behind a word are keys, up to the end, or of that the first 1/`limit`. */
export function keysBehind(word: string, from: number, use: string, limit = 0): KeySpec {
  return { use, begin: { word, from }, find: { last: -1, step: 1, limit } };
}

/** The keys of a request whose number of arguments suits the row, in the order of the specifications; none where it has no keys, or they cannot be told. */
export function keysOf(row: TableRow, request: Request): KeyUse[] {
  if (row.findKeys !== undefined) return row.findKeys(request);
  const uses: KeyUse[] = [];
  for (const spec of row.keys) addKeys(spec, request, uses);
  return uses;
}

function addKeys(spec: KeySpec, request: Request, uses: KeyUse[]): void {
  const { argc } = request;
  const begin = beginOf(spec, request);
  if (begin < 1 || begin >= argc || spec.use.includes("not_key")) return;
  const { find, use } = spec;
  let first = begin;
  let last: number;
  if ("count" in find) {
    const at = begin + find.count;
    const count = at < argc ? parseSafeInt(request.buf, request.off[at], request.len[at]) : 0;
    first = begin + find.first;
    last = first + (count - 1) * find.step;
    // More keys than there are arguments, or a count that is none: nothing is known of any.
    if (!(count >= 1) || last >= argc) return;
  } else if (find.last >= 0) last = begin + find.last;
  else if (find.limit > 1) last = begin + Math.floor((argc - begin) / find.limit) - 1;
  else last = argc + find.last;
  for (let i = first; i <= last && i < argc; i += find.step) uses.push({ index: i, use });
}

function beginOf({ begin }: KeySpec, request: Request): number {
  if (typeof begin === "number") return begin;
  const step = begin.from < 0 ? -1 : 1;
  const word = begin.word.toLowerCase();
  for (let i = begin.from < 0 ? request.argc + begin.from : begin.from; i > 0 && i < request.argc; i += step)
    if (request.is(i, word)) return i + 1;
  return 0;
}

/** First, last and step of the keys whose places are fixed, as COMMAND INFO gives them and the hot path wants them: Redis joins specifications that adjoin. Zeros: none. */
export function fixedKeys(specs: readonly KeySpec[]): { first: number; last: number; step: number } {
  const none = { first: 0, last: 0, step: 0 };
  let joined = none;
  for (const { begin, find } of specs) {
    if (typeof begin !== "number" || "count" in find) continue;
    const last = find.last < 0 ? find.last : begin + find.last;
    if (joined.first === 0) joined = { first: begin, last, step: find.step };
    else if (find.step === 1 && joined.last === begin - 1) joined = { first: joined.first, last, step: 1 };
    else return none;
  }
  return joined;
}

/** Whether one of the arguments from `from` on is the word, in whatever case. */
export function hasWord(request: Request, from: number, word: string): boolean {
  for (let i = from; i < request.argc; i++) if (request.is(i, word)) return true;
  return false;
}
