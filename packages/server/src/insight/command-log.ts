/**
 * SLOWLOG and COMMANDLOG: the last commands that took long, were large or had a large answer. Each kind is a list of its own, whose entries are as short as
 * Redis keeps them: 32 arguments of 128 bytes.
 */
import type { CommandLogEntry, CommandLogHost, CommandLogKind, TableRow } from "@hearthkv/commands";
import { REDACTED, secretArguments } from "@hearthkv/commands";
import type { Request } from "@hearthkv/resp";
import type { ClientState } from "../clients/client-state.js";

const ARGUMENTS_MAX = 32;
const ARGUMENT_BYTES_MAX = 128;
/** Below this bound, in microseconds, also a command that is quick by its nature may be over it. */
const QUICK_BELOW_USEC = 1000;

/** One kind. */
class Entries {
  /** By their numbers, without a gap: the one added last has #nextId - 1. */
  readonly #byId = new Map<number, CommandLogEntry>();
  #nextId = 0;
  #maxLength = 128;

  get size(): number {
    return this.#byId.size;
  }

  /** How many are kept. Those that are too many go at once. */
  get maxLength(): number {
    return this.#maxLength;
  }

  set maxLength(maxLength: number) {
    this.#maxLength = maxLength;
    this.#trim();
  }

  add(entry: Omit<CommandLogEntry, "id">): void {
    const id = this.#nextId++;
    this.#byId.set(id, { id, ...entry });
    this.#trim();
  }

  /** At most `count`, newest first. */
  newest(count: number): CommandLogEntry[] {
    const entries: CommandLogEntry[] = [];
    for (let id = this.#nextId - 1; entries.length < count; id--) {
      const entry = this.#byId.get(id);
      if (entry === undefined) break;
      entries.push(entry);
    }
    return entries;
  }

  clear(): void {
    this.#byId.clear();
  }

  #trim(): void {
    while (this.size > this.#maxLength) this.#byId.delete(this.#nextId - this.size);
  }
}

/** One per server. The bounds are those of the settings of the same meaning; what they ask of the dispatcher are comparisons of numbers. */
export class CommandLog implements CommandLogHost {
  readonly slow = new Entries();
  readonly largeRequests = new Entries();
  readonly largeReplies = new Entries();
  /** Microseconds; from so many on a command is logged. Infinity: none is. */
  slowUsec = 10_000;
  /** Bytes; what is larger is logged. Infinity: nothing is. */
  requestBytes = 1024 * 1024;
  replyBytes = 1024 * 1024;

  /** Whether the time of each command has to be taken, also of one that is quick by its nature. */
  get timesAll(): boolean {
    return this.slowUsec < QUICK_BELOW_USEC;
  }

  entries(kind: CommandLogKind, count: number): readonly CommandLogEntry[] {
    return this.#of(kind).newest(count);
  }

  count(kind: CommandLogKind): number {
    return this.#of(kind).size;
  }

  reset(kind: CommandLogKind): void {
    this.#of(kind).clear();
  }

  /** @param usec that the command took */
  addSlow(client: ClientState, row: TableRow, request: Request, usec: number, nowMs: number): void {
    add(this.slow, client, row, request, Math.floor(usec), nowMs);
  }

  /** Logs a command whose request or reply is large. @param replyBytes of its reply */
  addLarge(client: ClientState, row: TableRow, request: Request, replyBytes: number, nowMs: number): void {
    const bytes = requestBytes(request);
    if (bytes > this.requestBytes) add(this.largeRequests, client, row, request, bytes, nowMs);
    if (replyBytes > this.replyBytes) add(this.largeReplies, client, row, request, replyBytes, nowMs);
  }

  #of(kind: CommandLogKind): Entries {
    if (kind === "slow") return this.slow;
    return kind === "large-request" ? this.largeRequests : this.largeReplies;
  }
}

function add(
  entries: Entries,
  client: ClientState,
  row: TableRow,
  request: Request,
  amount: number,
  nowMs: number,
): void {
  if (entries.maxLength === 0) return;
  const { address, name } = client;
  entries.add({ atSeconds: Math.floor(nowMs / 1000), amount, args: shortened(row, request), address, name });
}

/** What a request takes on the wire, as an array of bulk strings. */
function requestBytes(request: Request): number {
  let bytes = `*${request.argc}\r\n`.length;
  for (let i = 0; i < request.argc; i++) {
    const length = request.len[i] as number;
    bytes += `$${length}\r\n\r\n`.length + length;
  }
  return bytes;
}

/** Texts and not buffers, of which the smallest would keep a block of 8 KB. */
function shortened(row: TableRow, request: Request): string[] {
  const { argc, buf, off, len } = request;
  const secrets = secretArguments(row, request);
  const kept = argc > ARGUMENTS_MAX ? ARGUMENTS_MAX - 1 : argc;
  const args: string[] = [];
  for (let i = 0; i < kept; i++) {
    const start = off[i] as number;
    const length = len[i] as number;
    const shown = buf.toString("latin1", start, start + Math.min(length, ARGUMENT_BYTES_MAX));
    const left = length - shown.length;
    if (secrets.has(i)) args.push(REDACTED);
    else args.push(left === 0 ? shown : `${shown}... (${left} more bytes)`);
  }
  if (kept < argc) args.push(`... (${argc - kept} more arguments)`);
  return args;
}
