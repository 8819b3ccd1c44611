import { type CommandContext, makeCommandTable, NO_EVENTS, type ServerHost, type Session } from "@hearthkv/commands";
import type { Keyspace } from "@hearthkv/engine";
import { ReplyWriter, Request } from "@hearthkv/resp";
import { sizeProblem } from "../admission/rules.js";
import { DataError } from "./data-folder.js";

const ERROR_BYTE = "-".charCodeAt(0);

/**
 * Runs commands on a keyspace without a server: those that write, and SELECT, beginning in database 0. The keyspace's clock stands at 0, so that
 * nothing expires meanwhile and times in the past are kept as they are; relative times count from `nowMs`.
 */
export class CommandReplay {
  readonly #table = makeCommandTable();
  readonly #context: CommandContext;

  constructor(keyspace: Keyspace, nowMs: number) {
    const session = { id: 0, dbIndex: 0, proto: 2, authenticated: true, name: "" } as Session;
    const host: Pick<ServerHost, "select"> = {
      select: (_session, index) => {
        session.dbIndex = index;
        this.#context.db = keyspace.db(index);
      },
    };
    const request = Request.of("PING");
    this.#context = {
      ...{ request, reply: new ReplyWriter(), keyspace, db: keyspace.db(0), session },
      // Commands that write ask nothing else of their server; no other ones are run.
      host: host as ServerHost,
      row: this.#table.resolve(request)!,
      events: NO_EVENTS,
      denyBlocking: true,
      relativeToMs: nowMs,
    };
  }

  /** Runs one command. Throws DataError where it is none that can be replayed, or fails. */
  run(args: readonly Buffer[]): void {
    const request = Request.of(...args);
    const row = this.#table.resolve(request);
    if (row === undefined) throw failure(request, this.#table.unknown(request));
    if (!row.flags.includes("write") && row.name !== "select") throw failure(request, "it changes no data");
    const context = this.#context;
    context.request = request;
    context.row = row;
    context.reply.reset();
    if (row.arity < 0 ? request.argc < -row.arity : request.argc !== row.arity) {
      throw failure(request, "wrong number of arguments");
    }
    const problem = sizeProblem(row, request);
    if (problem !== null) throw failure(request, problem);
    context.keyspace.values.settle();
    row.run(context);
    const { bytes, length } = context.reply;
    if (bytes[0] === ERROR_BYTE) throw failure(request, bytes.toString("utf8", 1, length).trimEnd());
  }
}

function failure(request: Request, why: string): DataError {
  return new DataError(`${request.utf8(0)} cannot be replayed: ${why}`);
}
