/**
 * The set of commands, found by name. The name comes as bytes of the request and is compared as bytes: ASCII letters fold, nothing else does, and no
 * string is made. About 15 ns a lookup.
 */
import type { Request } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { unknownCommand, unknownSubcommand, wrongArity } from "../errors.js";
import type { CommandFlag, CommandRow } from "./declare.js";
import { type ElementPositions, elementsOf } from "./elements.js";
import { fixedKeys, type KeySpec } from "./keys.js";
import type { LatencyHistogram } from "./latency-histogram.js";

/** What INFO commandstats tells of one command. The dispatcher counts. */
export interface CommandCounters {
  calls: number;
  /** Time spent in the command, microseconds with fractions; EXEC's holds that of its commands, which count it, too. */
  usec: number;
  /** Refused before it ran: arity, authentication, MULTI. */
  rejected: number;
  /** Ran and gave an error. */
  failed: number;
  /** Calls since the last one whose time was taken, while not all are. */
  untimed: number;
  /** How long the calls took; null before the first, or where it is not kept. */
  times: LatencyHistogram | null;
}

/** A row as the table holds it: all fields are there. */
export interface TableRow extends CommandRow {
  readonly keys: readonly KeySpec[];
  readonly run: (ctx: CommandContext) => void;
  readonly subcommands?: readonly TableRow[];
  /** First, last (negative: counted from the end) and step of the keys whose places are fixed; 0 = none. For all keys of a request: keysOf(). */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  readonly counters: CommandCounters;
  /** The flags as bits (`flagBit`), for the dispatcher. */
  readonly bits: number;
  /** Where a request has elements of its key's collection; null: nowhere. */
  readonly elements: ElementPositions | null;
  /** A call costs little whatever the data, if it has few arguments: O(1), or flagged fast. */
  readonly isQuick: boolean;
}

/** In the order in which COMMAND INFO prints flags. */
const FLAG_ORDER = [
  "write",
  "readonly",
  "denyoom",
  "admin",
  "pubsub",
  "noscript",
  "blocking",
  "loading",
  "stale",
  "skip_monitor",
  "skip_slowlog",
  "fast",
  "no_auth",
  "no_async_loading",
  "no_multi",
  "movablekeys",
  "allow_busy",
  "no_mandatory_keys",
] as const satisfies readonly CommandFlag[];

/** The bit of a flag in `TableRow.bits`. */
export function flagBit(flag: CommandFlag): number {
  return 1 << FLAG_ORDER.indexOf(flag);
}

/** The flags of a row in Redis's order. */
export function orderedFlags(row: CommandRow): CommandFlag[] {
  return FLAG_ORDER.filter((flag) => row.flags.includes(flag));
}

const SLOTS_PER_ROW = 4;

/** Immutable but for the counters of its rows. */
export class CommandTable {
  readonly #rows: TableRow[];
  readonly #byName = new Map<string, TableRow>();
  /** Open addressing: index of a row + 1, 0 = free. A power of two in size and mostly free, so that a miss ends soon. */
  readonly #slots: Uint16Array;
  /** The name of row i is #names[#nameEnds[i - 1], #nameEnds[i]). */
  readonly #names: Uint8Array;
  readonly #nameEnds: Int32Array;

  /** @param rows throws when two have the same name. */
  constructor(rows: readonly CommandRow[]) {
    this.#rows = rows.map(tableRow);
    this.#names = Buffer.from(rows.map((row) => row.name).join(""), "latin1");
    this.#nameEnds = new Int32Array(rows.length);
    let size = 16;
    while (size < rows.length * SLOTS_PER_ROW) size *= 2;
    this.#slots = new Uint16Array(size);
    let end = 0;
    for (let i = 0; i < this.#rows.length; i++) {
      const row = this.#rows[i];
      this.#insert(i, end, row.name.length);
      end += row.name.length;
      this.#nameEnds[i] = end;
      this.#remember(row);
    }
  }

  /** The command of that name, in whatever case; for a command with subcommands the row of the whole. */
  lookup(buf: Uint8Array, off: number, len: number): TableRow | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash(buf, off, len) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot];
      if (entry === 0) return undefined;
      if (this.#matches(entry - 1, buf, off, len)) return this.#rows[entry - 1];
    }
  }

  /** The row that the request runs: the subcommand's where the command has some. undefined = unknown, `unknown` has the text. */
  resolve(request: Request): TableRow | undefined {
    const row = this.lookup(request.buf, request.off[0], request.len[0]);
    return row?.subcommands === undefined || request.argc < 2 ? row : findSubcommand(row.subcommands, request, 1);
  }

  /** The error for a request that `resolve` did not find. */
  unknown(request: Request): string {
    const row = this.lookup(request.buf, request.off[0], request.len[0]);
    return row === undefined ? unknownCommand(request) : unknownSubcommand(row.name, request.str(1));
  }

  /** The row of a lower-case name; of a subcommand's as well ("config|get"). */
  row(name: string): TableRow | undefined {
    return this.#byName.get(name);
  }

  /** All commands, without their subcommands. */
  rows(): readonly TableRow[] {
    return this.#rows;
  }

  /** All rows, subcommands as well, each after its command. */
  allRows(): IterableIterator<TableRow> {
    return this.#byName.values();
  }

  /** CONFIG RESETSTAT. */
  resetCounters(): void {
    for (const row of this.allRows()) Object.assign(row.counters, newCounters());
  }

  #insert(index: number, start: number, length: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash(this.#names, start, length) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #remember(row: TableRow): void {
    if (this.#byName.has(row.name)) throw new Error(`two commands are called ${row.name}`);
    this.#byName.set(row.name, row);
    for (const subcommand of row.subcommands ?? []) this.#remember(subcommand);
  }

  #matches(index: number, buf: Uint8Array, off: number, len: number): boolean {
    const start = index === 0 ? 0 : this.#nameEnds[index - 1];
    if (this.#nameEnds[index] - start !== len) return false;
    const names = this.#names;
    for (let i = 0; i < len; i++) if (names[start + i] !== FOLD[buf[off + i]]) return false;
    return true;
  }
}

/** The row among `rows` that argument `at` of the request names. */
export function findSubcommand<Row extends CommandRow>(
  rows: readonly Row[],
  request: Request,
  at: number,
): Row | undefined {
  return rows.find((row) => request.is(at, row.name.slice(row.name.indexOf("|") + 1)));
}

/** Whether a request of `argc` arguments, the name included, may run the row. */
export function arityHolds(row: CommandRow, argc: number): boolean {
  return row.arity >= 0 ? argc === row.arity : argc >= -row.arity;
}

/** The error for a request whose number of arguments does not suit the row. */
export function arityError(row: CommandRow): string {
  return wrongArity(row.name);
}

const NO_KEYS: readonly KeySpec[] = [];

/** Made from a copy with every field, and in one order, so that all rows have one shape for the compiler of the dispatcher. */
function tableRow(row: CommandRow): TableRow {
  const { first, last, step } = fixedKeys(row.keys ?? NO_KEYS);
  const fields: { [Field in keyof TableRow]-?: TableRow[Field] | undefined } = {
    name: row.name,
    arity: row.arity,
    flags: row.flags,
    keys: row.keys ?? NO_KEYS,
    findKeys: row.findKeys,
    firstKey: first,
    lastKey: last,
    keyStep: step,
    group: row.group,
    since: row.since,
    summary: row.summary,
    complexity: row.complexity,
    syntax: row.syntax,
    tips: row.tips,
    categories: row.categories,
    history: row.history,
    deprecated: row.deprecated,
    differs: row.differs,
    subcommands: row.subcommands?.map(tableRow),
    run: row.run ?? needsSubcommand,
    counters: newCounters(),
    bits: row.flags.reduce((sum, flag) => sum | flagBit(flag), 0),
    elements: elementsOf(row.syntax ?? ""),
    isQuick: row.flags.includes("fast") || row.complexity?.startsWith("O(1)") === true,
  };
  return fields as TableRow;
}

/** No request gets here: its arity or `resolve` is in the way. */
function needsSubcommand(ctx: CommandContext): void {
  throw new Error(`${ctx.row.name} does nothing by itself`);
}

function newCounters(): CommandCounters {
  return { calls: 0, usec: 0, rejected: 0, failed: 0, untimed: 0, times: null };
}

/** FOLD[byte] is the byte in lower case. */
const FOLD = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/** From the length and three bytes: names share slots seldom enough, and the whole name is compared in any case. */
function hash(buf: Uint8Array, off: number, len: number): number {
  if (len === 0) return 0;
  const first = FOLD[buf[off]];
  const middle = FOLD[buf[off + (len >> 1)]];
  const last = FOLD[buf[off + len - 1]];
  return Math.imul((first << 21) ^ (middle << 14) ^ (last << 7) ^ len, 0x9e3779b1) >>> 16;
}
