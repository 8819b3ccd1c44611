/**
 * What may stand in the way of a request, in the order in which Redis looks. A rule that restricts nobody is never asked (admission.ts), so none of them costs a
 * client anything that it does not concern.
 */
import { ERR, flagBit, keysOf, subscriberContext, type TableRow } from "@hearthkv/commands";
import { KEY_BYTES_MAX } from "@hearthkv/engine";
import type { Request } from "@hearthkv/resp";
import type { ClientState } from "../clients/client-state.js";

const WRITE = flagBit("write");
const ON_KEYS = WRITE | flagBit("readonly");
const DENY_OOM = flagBit("denyoom");
const NO_AUTH = flagBit("no_auth");
const NO_MULTI = flagBit("no_multi");
const LOADING = flagBit("loading");
/** Allowed while a RESP2 connection is subscribed. */
const RUN_WHILE_SUBSCRIBED: ReadonlySet<string> = new Set([
  "subscribe",
  "unsubscribe",
  "psubscribe",
  "punsubscribe",
  "ssubscribe",
  "sunsubscribe",
  "ping",
  "quit",
  "reset",
]);

/** A request that wants to be run or queued. */
export interface Candidate {
  readonly client: ClientState;
  readonly row: TableRow;
  readonly request: Request;
  /** Flags of the row; EXEC has those of all that is in its queue. */
  readonly bits: number;
}

/** One thing that may be in the way. */
export interface Rule {
  /** Whether it may just now be in the way of something that this client sends. It is asked again when something has changed that could make it so. */
  restricts(client: ClientState): boolean;
  /** The error for a request, null where it is not in the way. */
  objection(candidate: Candidate): string | null;
}

/** What the rules look at, as it is at the moment. */
export interface Conditions {
  /** The heap is full: nothing may be added. */
  readonly memoryFull: boolean;
  /** Why writes are refused; null = they are not. */
  readonly writeError: string | null;
  readonly loading: boolean;
  /** The log is behind. */
  readonly congested: boolean;
}

/** The rules of a server. */
export function admissionRules(now: Conditions): readonly Rule[] {
  return [
    {
      // The length of its keys. It depends on the request alone: the dispatcher asks for large ones of anybody.
      restricts: () => false,
      objection: ({ row, request }) => sizeProblem(row, request),
    },
    {
      // The password.
      restricts: (client) => !client.authenticated,
      objection: ({ client, row }) => (!client.authenticated && (row.bits & NO_AUTH) === 0 ? ERR.noAuth : null),
    },
    {
      // A transaction, which some may not be in.
      restricts: (client) => client.inMulti,
      objection: ({ client, row }) => (client.inMulti && (row.bits & NO_MULTI) !== 0 ? ERR.notInMulti : null),
    },
    {
      // The heap.
      restricts: () => now.memoryFull,
      objection: ({ bits }) => (now.memoryFull && (bits & DENY_OOM) !== 0 ? ERR.outOfMemory : null),
    },
    {
      // The log.
      restricts: () => now.writeError !== null,
      objection: ({ bits }) => ((bits & WRITE) !== 0 ? now.writeError : null),
    },
    {
      // It listens to channels.
      restricts: (client) => client.subscriptions > 0,
      objection: ({ client, row }) =>
        client.subscriberMode && !RUN_WHILE_SUBSCRIBED.has(row.name) ? subscriberContext(row.name) : null,
    },
    {
      // The data, which is not there yet.
      restricts: () => now.loading,
      objection: ({ row }) => (now.loading && (row.bits & LOADING) === 0 ? ERR.loading : null),
    },
    {
      // It is shown all commands.
      restricts: (client) => client.isMonitor,
      objection: ({ client, row }) => (client.isMonitor && (row.bits & ON_KEYS) !== 0 ? ERR.monitorKeyspace : null),
    },
    {
      // The log is behind. Nothing is refused: who wants to write waits (Dispatcher), so nobody may pass for plain.
      restricts: () => now.congested,
      objection: () => null,
    },
  ];
}

/** Whether the request ends so far behind its buffer's start that one of its keys may be too long. */
export function isLarge(request: Request): boolean {
  const last = request.argc - 1;
  return (request.off[last] as number) + (request.len[last] as number) > KEY_BYTES_MAX;
}

/** What is wrong with the size of a request: a key that is longer than the engine stores; null = nothing. */
export function sizeProblem(row: TableRow, request: Request): string | null {
  if (!isLarge(request)) return null;
  const tooLong = keysOf(row, request).some(({ index }) => (request.len[index] as number) > KEY_BYTES_MAX);
  return tooLong ? ERR.keyTooLong : null;
}
