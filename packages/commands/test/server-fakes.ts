/** A server made of plain values, for commands that talk to their host. What they asked of it is in `calls`. */
import { Keyspace } from "@hearthkv/engine";
import { ReplyWriter, Request } from "@hearthkv/resp";
import type { ClientFilter, CommandContext, ServerHost, Session } from "../src/context.js";
import { NO_EVENTS } from "../src/events.js";
import { makeCommandTable } from "../src/families.js";
import { arityError, arityHolds } from "../src/table/command-table.js";

const commandTable = makeCommandTable();

/** Knobs of the fake. */
export interface FakeState {
  password: string;
  debugEnabled: boolean;
  bgsave: { error: string } | { status: string };
  configError: string | null;
  shutdownError: string | null;
  killed: number;
}

export class FakeServer {
  readonly calls: unknown[][] = [];
  readonly state: FakeState = {
    password: "",
    debugEnabled: false,
    bgsave: { status: "Background saving started" },
    configError: null,
    shutdownError: null,
    killed: 1,
  };
  readonly keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: () => 0.5 });
  readonly session: Session = {
    id: 7,
    dbIndex: 0,
    proto: 2,
    authenticated: true,
    name: "",
    libName: "",
    libVer: "",
    inMulti: false,
    subscriptions: 0,
    closeAfterReply: false,
  };
  denyBlocking = false;
  readonly #host: ServerHost = fakeHost(this);

  /** The reply to a request, as it goes to the client. Arity is checked as the dispatcher does. */
  run(...args: (string | Uint8Array)[]): string {
    const request = Request.of(...args);
    const reply = new ReplyWriter();
    reply.proto = this.session.proto;
    const row = commandTable.resolve(request);
    if (row === undefined) reply.error(commandTable.unknown(request));
    else if (!arityHolds(row, request.argc)) reply.error(arityError(row));
    else row.run(this.#context(request, reply, row));
    return reply.bytes.toString("latin1", 0, reply.length);
  }

  /** The same, with the request and the reply written as lines of words. */
  line(words: string): string {
    return this.run(...words.split(" "))
      .replaceAll("\r\n", " ")
      .trimEnd();
  }

  #context(request: Request, reply: ReplyWriter, row: CommandContext["row"]): CommandContext {
    const { keyspace, session, denyBlocking } = this;
    return {
      request,
      reply,
      keyspace,
      db: keyspace.db(session.dbIndex),
      session,
      host: this.#host,
      row,
      events: NO_EVENTS,
      denyBlocking,
    };
  }
}

function fakeHost(server: FakeServer): ServerHost {
  const { calls, state } = server;
  const okTo =
    (name: string) =>
    (ctx: CommandContext, ...rest: unknown[]) => {
      calls.push([name, ...rest]);
      ctx.reply.ok();
    };
  return {
    commands: commandTable,
    config: {
      get: (patterns) => patterns.map((pattern) => [pattern, "1"]),
      set: (pairs) => {
        calls.push(["config.set", pairs]);
        return state.configError;
      },
    },
    clients: {
      describe: (filter: ClientFilter) => {
        calls.push(["describe", filter]);
        return ["id=7", "id=8"];
      },
      describeOne: (session) => `id=${session.id}`,
      kill: (filter) => {
        calls.push(["kill", filter]);
        return state.killed;
      },
      unblock: (id, withError) => {
        calls.push(["unblock", id, withError]);
        return id === 8;
      },
    },
    pubsub: {
      subscribe: okTo("subscribe"),
      unsubscribe: okTo("unsubscribe"),
      psubscribe: okTo("psubscribe"),
      punsubscribe: okTo("punsubscribe"),
      ssubscribe: okTo("ssubscribe"),
      sunsubscribe: okTo("sunsubscribe"),
      publish: (channel, buf, off, len) => {
        calls.push(["publish", channel, Buffer.from(buf.subarray(off, off + len)).toString("latin1")]);
        return 2;
      },
      spublish: (channel, buf, off, len) => {
        calls.push(["spublish", channel, Buffer.from(buf.subarray(off, off + len)).toString("latin1")]);
        return 5;
      },
      channels: (pattern) => (pattern === null ? ["a", "b"] : [pattern]),
      subscribers: (channel) => channel.length,
      shardChannels: (pattern) => (pattern === null ? ["s"] : [pattern]),
      shardSubscribers: (channel) => channel.length + 1,
      patternCount: () => 3,
    },
    transactions: {
      multi: okTo("multi"),
      exec: okTo("exec"),
      discard: okTo("discard"),
      watch: okTo("watch"),
      unwatch: okTo("unwatch"),
    },
    persistence: {
      save: okTo("save"),
      bgsave: (schedule) => {
        calls.push(["bgsave", schedule]);
        return state.bgsave;
      },
      lastSaveSeconds: 1_700_000_000,
      waitAof: okTo("waitaof"),
      waitReplicas: okTo("wait"),
    },
    commandLog: {
      entries: (kind, count) => {
        calls.push(["entries", kind, count]);
        return [{ id: 4, atSeconds: 9, amount: 11, args: ["get", "k"], address: "a:1", name: "n" }];
      },
      count: (kind) => kind.length,
      reset: (kind) => {
        calls.push(["reset log", kind]);
      },
    },
    monitor: okTo("monitor"),
    latency: {
      events: new Map([["command", { samples: [50, 306, 100].map((ms) => ({ atSeconds: 0, ms })), maxMs: 400 }]]),
      thresholdMs: 10,
      reset: (names) => names.length,
    },
    memory: () => ({ startup: 5e6, dataset: 100e6, arenas: 300e6, clients: 300e6, peak: 900e6, rss: 500e6 }),
    info: (sections) => `# ${sections.join(",")}`,
    resetStats: () => calls.push(["resetstats"]),
    checkPassword: (user, password) => user === "default" && password.toString("latin1") === state.password,
    get requiresPassword() {
      return state.password !== "";
    },
    select: (session, index) => {
      session.dbIndex = index;
    },
    resetSession: (session) => {
      session.proto = 2;
      session.dbIndex = 0;
      calls.push(["reset"]);
    },
    shutdown: (save, now, force) => {
      calls.push(["shutdown", save, now, force]);
      return state.shutdownError;
    },
    get debugEnabled() {
      return state.debugEnabled;
    },
    sleep: (ms) => calls.push(["sleep", ms]),
    reload: okTo("reload"),
    block: () => {},
    migrate: okTo("migrate"),
  };
}
