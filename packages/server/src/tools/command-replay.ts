import { type CommandContext, commandTable, type ServerHost, type Session } from "@hearthkv/commands";
import type { Keyspace } from "@hearthkv/engine";
import { ReplyWriter, Request } from "@hearthkv/resp";
import { DataError } from "./data-folder.js";

const ERROR_BYTE = "-".charCodeAt(0);

/**
 * Runs commands on a keyspace without a server: those that write, SELECT, and MULTI with EXEC. The keyspace's clock stands at 0, so that times in the
 * past are kept as they are; only absolute times make sense then, and an append-only file has no others.
 */
export class CommandReplay {
  readonly #context: CommandContext;
  /** Commands since MULTI; null outside. */
  #queue: Request[] | null = null;
  #count = 0;

  constructor(keyspace: Keyspace) {
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
      row: commandTable.resolve(request)!,
      denyBlocking: true,
    };
  }

  /** Runs one command. Throws DataError where it is none that can be replayed, or fails. */
  run(command: readonly Buffer[]): void {
    this.#count++;
    const request = Request.of(...command);
    const name = (command[0] ?? Buffer.alloc(0)).toString("latin1").toLowerCase();
    if (name === "multi") this.#queue = [];
    else if (name === "exec") this.#exec();
    else if (this.#queue !== null) this.#queue.push(request);
    else this.#execute(request);
  }

  #exec(): void {
    const queue = this.#queue ?? [];
    this.#queue = null;
    for (const request of queue) this.#execute(request);
  }

  #execute(request: Request): void {
    const row = commandTable.resolve(request);
    if (row === undefined) throw this.#failure(request, commandTable.unknown(request));
    if (!row.flags.includes("write") && row.name !== "select") throw this.#failure(request, "it changes no data");
    const context = this.#context;
    context.request = request;
    context.row = row;
    context.reply.reset();
    if (row.arity < 0 ? request.argc < -row.arity : request.argc !== row.arity) {
      throw this.#failure(request, "wrong number of arguments");
    }
    row.run(context);
    const { bytes, length } = context.reply;
    if (bytes[0] === ERROR_BYTE) throw this.#failure(request, bytes.toString("utf8", 1, length).trimEnd());
  }

  #failure(request: Request, why: string): DataError {
    return new DataError(`command ${this.#count}, ${request.utf8(0)}, cannot be replayed: ${why}`);
  }
}
