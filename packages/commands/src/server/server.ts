/** The server as a whole: its state, its data, its snapshots, its end. COMMAND and CONFIG have files of their own. */
import { parseInt64, parseSafeInt } from "@hearthkv/resp";
import { intArg } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR, lowerAscii, outsideRange } from "../errors.js";
import { type CommandDeclaration, family } from "../table/declare.js";

/** A step of the system's clock larger than this is followed at once. */
const CLOCK_DRIFT_MS_MAX = 1;
let clockOriginMs = performance.timeOrigin;

function info({ request, reply, host }: CommandContext): void {
  const sections: string[] = [];
  for (let i = 1; i < request.argc; i++) sections.push(lowerAscii(request.str(i)));
  reply.verbatim("txt", host.info(sections));
}

function dbSize({ reply, db }: CommandContext): void {
  reply.int(db.keys.size);
}

/** Reads [ASYNC|SYNC], which make no difference here: freeing 256 shards takes no time either way. */
function flush({ request, reply, keyspace }: CommandContext, dbIndex: number): void {
  const valid = request.argc === 1 || (request.argc === 2 && (request.is(1, "async") || request.is(1, "sync")));
  if (!valid) {
    reply.error(ERR.syntax);
    return;
  }
  keyspace.flush(dbIndex);
  reply.ok();
}

function flushDb(ctx: CommandContext): void {
  flush(ctx, ctx.db.index);
}

function flushAll(ctx: CommandContext): void {
  flush(ctx, -1);
}

/** What the clients of either find in it is the other's from now on. */
function swapDb(ctx: CommandContext): void {
  const { keyspace, reply } = ctx;
  const one = int32Arg(ctx, 1, ERR.firstDbIndex);
  if (Number.isNaN(one)) return;
  const other = int32Arg(ctx, 2, ERR.secondDbIndex);
  if (Number.isNaN(other)) return;
  if (Math.min(one, other) < 0 || Math.max(one, other) >= keyspace.databaseCount) {
    reply.error(ERR.dbOutOfRange);
    return;
  }
  if (one !== other) keyspace.swap(one, other);
  reply.ok();
}

/** NaN after an error reply. */
function int32Arg(ctx: CommandContext, i: number, error: string): number {
  const value = intArg(ctx, i, error);
  if (Number.isNaN(value) || value === (value | 0)) return value;
  ctx.reply.error(error);
  return Number.NaN;
}

/** The system's clock in microseconds: its milliseconds, made finer by the monotonic clock. */
function nowMicros(): number {
  const fine = clockOriginMs + performance.now();
  const drift = Date.now() - Math.floor(fine);
  if (Math.abs(drift) <= CLOCK_DRIFT_MS_MAX) return Math.floor(fine * 1000);
  clockOriginMs += drift;
  return Math.floor((fine + drift) * 1000);
}

function time({ reply }: CommandContext): void {
  const micros = nowMicros();
  reply.array(2);
  reply.bulkString(String(Math.floor(micros / 1e6)));
  reply.bulkString(String(micros % 1e6));
}

function save(ctx: CommandContext): void {
  ctx.host.persistence.save(ctx);
}

function bgSave({ request, reply, host }: CommandContext): void {
  const schedule = request.argc > 1;
  if (schedule && (request.argc > 2 || !request.is(1, "schedule"))) {
    reply.error(ERR.syntax);
    return;
  }
  const outcome = host.persistence.bgsave(schedule);
  if ("error" in outcome) reply.error(outcome.error);
  else reply.simple(outcome.status);
}

function lastSave({ reply, host }: CommandContext): void {
  reply.int(host.persistence.lastSaveSeconds);
}

/** SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]. There is no reply when the server ends. */
function shutdown({ request, reply, host, denyBlocking }: CommandContext): void {
  const given = new Set<string>();
  for (let i = 1; i < request.argc; i++) given.add(lowerAscii(request.str(i)));
  const abort = given.delete("abort");
  const now = given.delete("now");
  const force = given.delete("force");
  const saveAsked = given.delete("save");
  const saveDenied = given.delete("nosave");
  const others = now || force || saveAsked || saveDenied;
  if (given.size > 0 || (abort && others) || (saveAsked && saveDenied)) {
    reply.error(ERR.syntax);
    return;
  }
  if (abort) {
    reply.error(ERR.noShutdown);
    return;
  }
  if (!now && denyBlocking) {
    reply.error(ERR.shutdownNeedsNow);
    return;
  }
  const error = host.shutdown(saveAsked || (saveDenied ? false : null), now, force);
  if (error !== null) reply.error(error);
}

/** WAITAOF numlocal numreplicas timeout: the order of the checks is Redis's. */
function waitAof(ctx: CommandContext): void {
  const { request, reply, host } = ctx;
  const [local, replicas, timeout] = [1, 2, 3].map((i) => parseInt64(request.buf, request.off[i], request.len[i]));
  if (local === null) {
    reply.error(ERR.notInteger);
    return;
  }
  if (local < 0n || local > 1n) {
    reply.error(outsideRange(0, 1));
    return;
  }
  if (replicas === null || replicas < 0n) {
    reply.error(ERR.mustBePositive);
    return;
  }
  if (timeout === null) {
    reply.error(ERR.timeoutNotInteger);
    return;
  }
  if (timeout < 0n) {
    reply.error(ERR.timeoutNegative);
    return;
  }
  const timeoutMs = parseSafeInt(request.buf, request.off[3], request.len[3]);
  if (Number.isNaN(timeoutMs)) {
    reply.error(ERR.timeoutOutOfRange);
    return;
  }
  host.persistence.waitAof(ctx, Number(local), timeoutMs, Number(replicas));
}

/** What FLUSHALL and FLUSHDB have in common. */
const flushing = {
  arity: -1,
  flags: ["write"],
  since: "1.0.0",
  complexity: "O(N)",
  syntax: "<async: ASYNC | SYNC>?",
  tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  categories: ["keyspace", "dangerous"],
  history: [
    ["4.0.0", "option ASYNC"],
    ["6.2.0", "option SYNC"],
  ],
  differs: "ASYNC and SYNC are the same: memory is given back in steps either way.",
} satisfies Partial<CommandDeclaration>;

export const serverCommands = family("server", [
  {
    name: "bgsave",
    arity: -1,
    flags: ["admin", "noscript", "no_async_loading"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Begins a snapshot, and does not wait for it.",
    syntax: "SCHEDULE?",
    history: [["3.2.2", "option SCHEDULE"]],
    run: bgSave,
  },
  {
    name: "dbsize",
    arity: 1,
    flags: ["readonly", "fast"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Counts the keys of the database.",
    tips: ["request_policy:all_shards", "response_policy:agg_sum"],
    categories: ["keyspace"],
    run: dbSize,
  },
  {
    ...flushing,
    name: "flushall",
    summary: "Empties all databases.",
    run: flushAll,
  },
  {
    ...flushing,
    name: "flushdb",
    summary: "Empties the database.",
    run: flushDb,
  },
  {
    name: "info",
    arity: -1,
    flags: ["loading", "stale"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Tells of the server: its figures, its data, its log, its counters.",
    syntax: "section+?",
    tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
    categories: ["dangerous"],
    history: [["7.0.0", "takes several sections"]],
    run: info,
  },
  {
    name: "lastsave",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Tells when the last snapshot was made, in seconds since 1970.",
    tips: ["nondeterministic_output"],
    categories: ["admin", "dangerous"],
    run: lastSave,
  },
  {
    name: "save",
    arity: 1,
    flags: ["admin", "noscript", "no_async_loading", "no_multi"],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Makes a snapshot, and waits for it.",
    run: save,
  },
  {
    name: "shutdown",
    arity: -1,
    flags: ["admin", "noscript", "loading", "stale", "no_multi", "allow_busy"],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Ends the server, behind a last snapshot unless it is told otherwise.",
    syntax: "<nosave-save: NOSAVE | SAVE>? NOW? FORCE? ABORT?",
    history: [["7.0.0", "options NOW, FORCE and ABORT"]],
    run: shutdown,
  },
  {
    name: "swapdb",
    arity: 3,
    flags: ["write", "fast"],
    since: "4.0.0",
    complexity: "O(N): clients that watch keys or wait for them",
    summary: "Lets two databases exchange what they hold.",
    syntax: "index1:integer index2:integer",
    categories: ["keyspace", "dangerous"],
    run: swapDb,
  },
  {
    name: "time",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Tells the time: seconds since 1970, and microseconds.",
    tips: ["nondeterministic_output"],
    run: time,
  },
  {
    name: "waitaof",
    arity: 4,
    flags: ["noscript", "blocking"],
    since: "7.2.0",
    complexity: "O(N)",
    summary: "Waits until what the connection wrote is on the disk.",
    syntax: "numlocal:integer numreplicas:integer timeout:integer",
    tips: ["request_policy:all_shards", "response_policy:agg_min"],
    run: waitAof,
  },
]);
