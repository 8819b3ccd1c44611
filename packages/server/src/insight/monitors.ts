/**
 * MONITOR: clients that are shown every command which runs. Administrative ones are not shown, nor are passwords. What waits for such a client counts as its
 * output, so one that does not read is closed at its limit.
 */
import { flagBit, REDACTED, secretArguments, type TableRow } from "@hearthkv/commands";
import type { Request } from "@hearthkv/resp";
import type { ClientState } from "../clients/client-state.js";

const HIDDEN = flagBit("admin") | flagBit("skip_monitor");
const ARGUMENT_BYTES_MAX = 64 * 1024;
const LINE_BYTES_MAX = 1024 * 1024;
/** What a byte looks like between quotes. */
const SHOWN: readonly string[] = Array.from({ length: 256 }, (_, byte) => shownByte(byte));

/** One per server. */
export class Monitors {
  /** Whether anybody looks: the dispatcher asks behind each command. */
  areThere = false;
  readonly #clients = new Set<ClientState>();
  readonly #deliver: (client: ClientState, bytes: Buffer) => void;

  constructor(deliver: (client: ClientState, bytes: Buffer) => void) {
    this.#deliver = deliver;
  }

  /** Returns false where it was one already. */
  add(client: ClientState): boolean {
    if (client.isMonitor) return false;
    client.isMonitor = true;
    this.#clients.add(client);
    this.areThere = true;
    return true;
  }

  remove(client: ClientState): void {
    if (!this.#clients.delete(client)) return;
    client.isMonitor = false;
    this.areThere = this.#clients.size > 0;
  }

  /** A command of a client has run. @param nowMs since 1970 */
  tell(client: ClientState, row: TableRow, request: Request, nowMs: number): void {
    if ((row.bits & HIDDEN) !== 0) return;
    const line = Buffer.from(`+${shownLine(client, row, request, nowMs)}\r\n`, "latin1");
    for (const monitor of this.#clients) this.#deliver(monitor, line);
  }
}

function shownLine(client: ClientState, row: TableRow, request: Request, nowMs: number): string {
  const { argc, buf, off, len } = request;
  const secrets = secretArguments(row, request);
  let line = `${(nowMs / 1000).toFixed(6)} [${client.dbIndex} ${client.address}]`;
  for (let i = 0; i < argc; i++) {
    if (line.length > LINE_BYTES_MAX) return `${line} "... (${argc - i} more arguments)"`;
    const length = len[i] as number;
    const start = off[i] as number;
    line += secrets.has(i) ? ` "${REDACTED}"` : ` "${shownBytes(buf, start, length)}"`;
  }
  return line;
}

function shownBytes(buf: Uint8Array, start: number, length: number): string {
  const end = start + Math.min(length, ARGUMENT_BYTES_MAX);
  let text = "";
  for (let i = start; i < end; i++) text += SHOWN[buf[i] as number];
  return length > ARGUMENT_BYTES_MAX ? `${text}... (${length - ARGUMENT_BYTES_MAX} more bytes)` : text;
}

function shownByte(byte: number): string {
  const named: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\x07": "\\a",
    "\b": "\\b",
  };
  const char = String.fromCharCode(byte);
  if (char in named) return named[char] as string;
  return byte >= 32 && byte < 127 ? char : `\\x${byte.toString(16).padStart(2, "0")}`;
}
