/** SORT and SORT_RO. The elements are copied first: what BY and GET look up, and STORE overwrites, may be the very key. */
import { ByteSink, TYPE_LIST, TYPE_NONE, TYPE_SET, TYPE_ZSET } from "@hearthkv/engine";
import { parseFloat64, type Request } from "@hearthkv/resp";
import { intArg, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_GENERIC, EVENT_LIST, notify } from "../events.js";
import { type CommandDeclaration, family } from "../table/declare.js";
import { type KeyUse, key } from "../table/keys.js";
import { ByteStrings, byWeight, compareWeights, firstOf, upTo } from "./sort-order.js";
import { SortPattern } from "./sort-pattern.js";

/** After so many lookups, of which each may have opened a large hash, those that were opened rest again. */
const LOOKUPS_PER_REST = 256;
/** With LIMIT: fewer than one in so many elements are chosen, and the others not sorted. */
const FEW_OF = 16;
/** Below this strtod says that the number is too small, but for zero. */
const NORMAL_MIN = 2 ** -1022;

interface SortOptions {
  descends: boolean;
  isAlpha: boolean;
  /** LIMIT; a count below 0: all. */
  offset: number;
  count: number;
  by: SortPattern | null;
  /** BY a pattern without a star: the order stays as it is. */
  isUnsorted: boolean;
  readonly get: SortPattern[];
  /** Argument with the key for the result, 0 = it is the reply. */
  storeAt: number;
}

function sort(ctx: CommandContext): void {
  sortOrStore(ctx, true);
}

function sortReadOnly(ctx: CommandContext): void {
  sortOrStore(ctx, false);
}

function sortOrStore(ctx: CommandContext, mayStore: boolean): void {
  const options = sortOptions(ctx, mayStore);
  if (options === null) return;
  const type = lookupReadAt(ctx, 1);
  if (type !== TYPE_NONE && type !== TYPE_LIST && type !== TYPE_SET && type !== TYPE_ZSET) {
    ctx.reply.error(ERR.wrongType);
    return;
  }
  if (options.isUnsorted && type === TYPE_SET && options.storeAt > 0) {
    // A set has no order of its own, and what is stored must have one.
    options.isUnsorted = false;
    options.isAlpha = true;
    options.by = null;
  }
  const { descends, isUnsorted } = options;
  const size = type === TYPE_NONE ? 0 : ctx.db.found.size;
  const first = Math.min(Math.max(options.offset, 0), size);
  const end = options.count < 0 ? size : Math.min(size, first + options.count);
  // A list or sorted set that keeps its order need not be copied whole.
  const isPart = isUnsorted && type !== TYPE_SET;
  const from = isPart ? (descends ? size - end : first) : 0;
  const elements = collected(ctx, type, from, isPart ? from + end - first : size);
  let at: At | null = (place) => place;
  if (!isUnsorted) at = orderOf(ctx, elements, options, end);
  else if (isPart) at = (place) => (descends ? end - 1 - place : place - first);
  if (at === null) {
    ctx.reply.error(ERR.sortNotDouble);
    return;
  }
  const chosen = { elements, first, end, at, get: options.get };
  if (options.storeAt > 0) store(ctx, chosen, options.storeAt);
  else answer(ctx, chosen);
}

/** The number of the element at a place of the order. */
type At = (place: number) => number;

/** What is given back: the elements of the places from `first` to before `end`. */
interface Chosen {
  readonly elements: ByteStrings;
  readonly first: number;
  readonly end: number;
  readonly at: At;
  /** What is given back of each; nothing: itself. */
  readonly get: readonly SortPattern[];
}

/** Null after an error reply. */
function sortOptions(ctx: CommandContext, mayStore: boolean): SortOptions | null {
  const { request: r, reply } = ctx;
  const options: SortOptions = {
    ...{ descends: false, isAlpha: false, offset: 0, count: -1, by: null, isUnsorted: false, storeAt: 0 },
    get: [],
  };
  for (let i = 2; i < r.argc; i++) {
    const left = r.argc - 1 - i;
    if (r.is(i, "asc")) options.descends = false;
    else if (r.is(i, "desc")) options.descends = true;
    else if (r.is(i, "alpha")) options.isAlpha = true;
    else if (r.is(i, "limit") && left >= 2) {
      options.offset = intArg(ctx, ++i);
      if (Number.isNaN(options.offset)) return null;
      options.count = intArg(ctx, ++i);
      if (Number.isNaN(options.count)) return null;
    } else if (mayStore && r.is(i, "store") && left >= 1) options.storeAt = ++i;
    else if (r.is(i, "by") && left >= 1) {
      options.by = new SortPattern(r.bytes(++i));
      if (options.by.isConstant) options.isUnsorted = true;
    } else if (r.is(i, "get") && left >= 1) options.get.push(new SortPattern(r.bytes(++i)));
    else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  return options;
}

/** Copies the elements of the collection found last, of a set all, else those at [from, to). */
function collected({ db }: CommandContext, type: number, from: number, to: number): ByteStrings {
  const elements = new ByteStrings(to - from);
  const add = (buf: Uint8Array, off: number, len: number) => elements.add(buf, off, len);
  if (type === TYPE_SET) db.sets.each(add);
  else if (type === TYPE_ZSET) db.zsets.each(from, to, false, add);
  else if (type === TYPE_LIST && from < to) db.lists.range(from, to, add);
  return elements;
}

/** Null where an element has no number to be sorted by. The order need be right for places before `end` only. */
function orderOf(
  ctx: CommandContext,
  elements: ByteStrings,
  { by, isAlpha, descends }: SortOptions,
  end: number,
): At | null {
  const weights = by === null ? elements : weightsOf(ctx, elements, by);
  const numbers = isAlpha ? null : numbersOf(weights);
  if (numbers === null && !isAlpha) return null;
  const { count } = elements;
  if (end < count / FEW_OF) {
    const compare = numbers === null ? weights.compare : compareWeights(numbers, elements);
    const few = firstOf(count, end, descends ? (i, j) => compare(j, i) : compare);
    return (place) => few[place];
  }
  const order = numbers === null ? weights.sorted(upTo(count)) : byWeight(numbers, elements);
  return (place) => order[descends ? count - 1 - place : place];
}

function weightsOf(ctx: CommandContext, elements: ByteStrings, by: SortPattern): ByteStrings {
  const weights = new ByteStrings(elements.count);
  for (let i = 0; i < elements.count; i++) {
    if (by.isElement) weights.add(elements.bytes, elements.startOf(i), elements.lengthOf(i));
    else if (lookUp(ctx, by, elements, i)) {
      const { valueBuf, valueOff, valueLen } = ctx.db.keys;
      weights.add(valueBuf, valueOff, valueLen);
    } else weights.addAbsent();
  }
  return weights;
}

/** Null where one is no number. What is absent counts as 0, and so does what is empty. */
function numbersOf(weights: ByteStrings): Float64Array | null {
  const numbers = new Float64Array(weights.count);
  for (let i = 0; i < weights.count; i++) {
    const number = numberIn(weights.bytes, weights.startOf(i), weights.lengthOf(i));
    if (Number.isNaN(number)) return null;
    numbers[i] = number;
  }
  return numbers;
}

/** A number as strtod reads it, up to a zero byte; NaN where Redis finds none. */
function numberIn(bytes: Buffer, off: number, len: number): number {
  if (len === 0) return 0;
  let from = off;
  let end = off + len;
  const fast = parseFloat64(bytes, off, len);
  if (fast !== null) return Math.abs(fast) >= NORMAL_MIN || fast === 0 ? fast : Number.NaN;
  const zero = bytes.indexOf(0, from);
  if (zero >= 0 && zero < end) end = zero;
  if (from === end) return 0;
  while (from < end && (bytes[from] === SPACE || (bytes[from] >= TAB && bytes[from] <= CARRIAGE_RETURN))) from++;
  const number = parseFloat64(bytes, from, end - from);
  return number === null || (Math.abs(number) < NORMAL_MIN && number !== 0) ? Number.NaN : number;
}

const SPACE = 32;
const TAB = 9;
const CARRIAGE_RETURN = 13;

function lookUp(ctx: CommandContext, pattern: SortPattern, elements: ByteStrings, i: number): boolean {
  if (i % LOOKUPS_PER_REST === 0) ctx.keyspace.values.settle();
  return pattern.find(ctx.db, elements.bytes, elements.startOf(i), elements.lengthOf(i));
}

function answer(ctx: CommandContext, chosen: Chosen): void {
  const { reply } = ctx;
  reply.array(Math.max(0, chosen.end - chosen.first) * Math.max(1, chosen.get.length));
  eachResult(ctx, chosen, (buf, off, len) => {
    if (buf === null) reply.nil();
    else reply.bulk(buf, off, len);
  });
}

/** The result as a list at the key that is argument `keyAt`, in place of what that holds; without elements the key goes. */
function store(ctx: CommandContext, chosen: Chosen, keyAt: number): void {
  const { request: r, db, reply } = ctx;
  const list = new ByteSink();
  let count = 0;
  list.u32(0);
  eachResult(ctx, chosen, (buf, off, len) => {
    list.blob(buf ?? NOTHING, off, len);
    count++;
  });
  list.setU32(0, count);
  if (count > 0) {
    db.restore(r.buf, r.off[keyAt], r.len[keyAt], TYPE_LIST, 0, list.bytes, 0, list.length);
    notify(ctx, EVENT_LIST, "sortstore", keyAt);
  } else if (db.keys.remove(r.buf, r.off[keyAt], r.len[keyAt])) notify(ctx, EVENT_GENERIC, "del", keyAt);
  reply.int(count);
}

const NOTHING = new Uint8Array(0);

/** Visits what is given back; null for what a GET did not find. */
function eachResult(
  ctx: CommandContext,
  { elements, first, end, at, get }: Chosen,
  visit: (buf: Uint8Array | null, off: number, len: number) => void,
): void {
  const { bytes } = elements;
  for (let place = first; place < end; place++) {
    const i = at(place);
    if (get.length === 0) visit(bytes, elements.startOf(i), elements.lengthOf(i));
    for (const pattern of get) {
      if (pattern.isElement) visit(bytes, elements.startOf(i), elements.lengthOf(i));
      else if (lookUp(ctx, pattern, elements, i)) {
        const { valueBuf, valueOff, valueLen } = ctx.db.keys;
        visit(valueBuf, valueOff, valueLen);
      } else visit(null, 0, 0);
    }
  }
}

/** The key that is sorted, and the one behind the last STORE. What BY and GET look up follows from the elements. */
function sortKeys(request: Request): KeyUse[] {
  const keys: KeyUse[] = [{ index: 1, use: "RO access" }];
  for (let i = 2; i < request.argc; i++) {
    if (request.is(i, "limit")) i += 2;
    else if (request.is(i, "get") || request.is(i, "by")) i++;
    else if (request.is(i, "store") && i + 1 < request.argc) keys[1] = { index: ++i, use: "OW update" };
  }
  return keys;
}

const READ_SYNTAX =
  "@key BY=pattern:pattern? LIMIT=(offset_count: offset:integer count:integer)? GET=pattern:pattern++? <order: ASC | DESC>? ALPHA=sorting:pure-token?";

const shared = {
  arity: -2,
  complexity: "O(N+M*log(M)): N elements, M given back; without sorting O(N)",
  categories: ["set", "sortedset", "list", "dangerous"],
} as const satisfies Partial<CommandDeclaration>;

export const sortCommands = family("generic", [
  {
    ...shared,
    name: "sort",
    flags: ["write", "denyoom", "movablekeys"],
    keys: [key(1, "RO access")],
    findKeys: sortKeys,
    since: "1.0.0",
    summary: "Sorts a list, a set or a sorted set, and gives it back or stores it.",
    syntax: `${READ_SYNTAX} STORE=destination?`,
    differs: "ALPHA compares bytes, whatever the locale.",
    run: sort,
  },
  {
    ...shared,
    name: "sort_ro",
    flags: ["readonly", "movablekeys"],
    keys: [key(1, "RO access")],
    since: "7.0.0",
    summary: "Sorts a list, a set or a sorted set, and gives it back.",
    syntax: READ_SYNTAX,
    differs: "ALPHA compares bytes, whatever the locale.",
    run: sortReadOnly,
  },
]);
