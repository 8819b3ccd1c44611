/** Sets: intersections, unions and differences. */
import { type MemberSource, type MemberVisitor, sumOfScores, TYPE_NONE, TYPE_SET } from "@hearthkv/engine";
import { intFromArg, isOrAbsent, lookupAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_SET, notify, notifyStored, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { countedKeys, key, keyRange } from "../table/keys.js";

/** What the keys from argument `first` on hold, `count` of them; null after an error reply. */
function sourcesAt(ctx: CommandContext, first: number, count: number): MemberSource[] | null {
  const { request: r, db, reply } = ctx;
  const sources = db.algebra.sources(r.buf, r.off, r.len, first, count, false);
  if (sources === null) reply.error(ERR.wrongType);
  return sources;
}

type Finder = (ctx: CommandContext, sources: readonly MemberSource[], visit: MemberVisitor) => void;

const intersection: Finder = ({ db }, sources, visit) => db.algebra.intersect(sources, sumOfScores, visit);
const difference: Finder = ({ db }, sources, visit) => db.algebra.subtract(sources, visit);

/** SINTER key [key ...] */
function sinter(ctx: CommandContext): void {
  replyFound(ctx, intersection);
}

/** SDIFF key [key ...] */
function sdiff(ctx: CommandContext): void {
  replyFound(ctx, difference);
}

function replyFound(ctx: CommandContext, find: Finder): void {
  const { request: r, reply } = ctx;
  const sources = sourcesAt(ctx, 1, r.argc - 1);
  if (sources === null) return;
  const mark = reply.deferSet();
  let count = 0;
  find(ctx, sources, (buf, off, len) => {
    reply.bulk(buf, off, len);
    return ++count > 0;
  });
  reply.setArray(mark, count);
}

/** SUNION key [key ...] */
function sunion(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const sources = sourcesAt(ctx, 1, r.argc - 1);
  if (sources === null) return;
  const union = db.algebra.unite(sources);
  try {
    reply.set(union.size);
    union.each((buf, off, len) => reply.bulk(buf, off, len));
  } finally {
    union.free();
  }
}

/** SINTERSTORE destination key [key ...] */
function sinterStore(ctx: CommandContext): void {
  storeFound(ctx, intersection);
}

/** SDIFFSTORE destination key [key ...] */
function sdiffStore(ctx: CommandContext): void {
  storeFound(ctx, difference);
}

function storeFound(ctx: CommandContext, find: Finder): void {
  const { request: r, db, reply } = ctx;
  const sources = sourcesAt(ctx, 2, r.argc - 2);
  if (sources === null) return;
  const slice = db.algebra.encode((visit) => find(ctx, sources, visit));
  const count = slice.bytes.readUInt32LE(0);
  const existed = lookupAt(ctx, 1) !== TYPE_NONE;
  if (count === 0) db.keys.remove(r.buf, r.off[1], r.len[1]);
  else db.restore(r.buf, r.off[1], r.len[1], TYPE_SET, 0, slice.bytes, 0, slice.length);
  notifyStored(ctx, EVENT_SET, 1, count, existed);
  reply.int(count);
}

/** SUNIONSTORE destination key [key ...] */
function sunionStore(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const sources = sourcesAt(ctx, 2, r.argc - 2);
  if (sources === null) return;
  const union = db.algebra.unite(sources);
  const { size } = union;
  const existed = lookupAt(ctx, 1) !== TYPE_NONE;
  db.put(r.buf, r.off[1], r.len[1], union);
  notifyStored(ctx, EVENT_SET, 1, size, existed);
  reply.int(size);
}

/** SINTERCARD numkeys key [key ...] [LIMIT limit] */
function sinterCard(ctx: CommandContext): void {
  countFound(ctx, intersection);
}

/** SDIFFCARD numkeys key [key ...] [LIMIT limit] */
function sdiffCard(ctx: CommandContext): void {
  countFound(ctx, difference);
}

function countFound(ctx: CommandContext, find: Finder): void {
  const asked = countedSources(ctx, false);
  if (asked === null) return;
  let count = 0;
  find(ctx, asked.sources, () => ++count < asked.limit);
  ctx.reply.int(count);
}

/** SUNIONCARD numkeys key [key ...] [APPROX] [LIMIT limit] */
function sunionCard(ctx: CommandContext): void {
  const asked = countedSources(ctx, true);
  if (asked === null) return;
  const { sources, limit } = asked;
  let count = Math.max(...sources.map(({ size }) => size));
  if (count < limit && sources.length > 1) {
    const union = ctx.db.algebra.unite(sources);
    count = union.size;
    union.free();
  }
  ctx.reply.int(Math.min(count, limit));
}

/** numkeys, keys and the options behind them; null after an error reply. Without a limit it is infinite. */
function countedSources(ctx: CommandContext, hasApprox: boolean): { sources: MemberSource[]; limit: number } | null {
  const { request: r, reply } = ctx;
  const keys = intFromArg(ctx, 1, 1, ERR.numKeysNotPositive);
  if (Number.isNaN(keys)) return null;
  if (keys > r.argc - 2) {
    reply.error(ERR.tooManyNumKeys);
    return null;
  }
  let limit = 0;
  for (let i = 2 + keys; i < r.argc; i++) {
    if (hasApprox && r.is(i, "approx")) continue;
    if (!r.is(i, "limit") || i + 1 === r.argc) {
      reply.error(ERR.syntax);
      return null;
    }
    limit = intFromArg(ctx, ++i, 0, ERR.limitNegative);
    if (Number.isNaN(limit)) return null;
  }
  const sources = sourcesAt(ctx, 2, keys);
  return sources === null ? null : { sources, limit: limit === 0 ? Number.POSITIVE_INFINITY : limit };
}

/** SMOVE source destination member. A destination of another type matters only when there is a source. */
function smove(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  const type = lookupAt(ctx, 1);
  if (type === TYPE_NONE) {
    reply.int(0);
    return;
  }
  if (!isOrAbsent(ctx, type, TYPE_SET)) return;
  const target = lookupAt(ctx, 2);
  if (!isOrAbsent(ctx, target, TYPE_SET)) return;
  const wasThere = target !== TYPE_NONE && db.sets.has(r.buf, r.off[3], r.len[3]);
  if (r.bytes(1).equals(r.bytes(2))) {
    reply.int(wasThere ? 1 : 0);
    return;
  }
  const moved = db.sets.move(r.buf, r.off[1], r.len[1], r.off[2], r.len[2], r.off, r.len, 3);
  if (moved) notifyTaken(ctx, EVENT_SET, "srem", 1);
  if (moved && !wasThere) notify(ctx, EVENT_SET, "sadd", 2);
  reply.int(moved ? 1 : 0);
}

export const setAlgebraCommands = family("set", [
  {
    name: "sinter",
    arity: -2,
    flags: ["readonly"],
    keys: [keyRange(1, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N*M)",
    summary: "Returns the members that are in all of several sets.",
    syntax: "@key+",
    tips: ["nondeterministic_output_order"],
    run: sinter,
  },
  {
    name: "sunion",
    arity: -2,
    flags: ["readonly"],
    keys: [keyRange(1, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns the members of all of several sets.",
    syntax: "@key+",
    tips: ["nondeterministic_output_order"],
    run: sunion,
  },
  {
    name: "sdiff",
    arity: -2,
    flags: ["readonly"],
    keys: [keyRange(1, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns the members of a set that are in none of others.",
    syntax: "@key+",
    tips: ["nondeterministic_output_order"],
    run: sdiff,
  },
  {
    name: "sinterstore",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW update"), keyRange(2, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N*M)",
    summary: "Stores the members that are in all of several sets.",
    syntax: "@destination @key/1+",
    run: sinterStore,
  },
  {
    name: "sunionstore",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update"), keyRange(2, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Stores the members of all of several sets.",
    syntax: "@destination @key/1+",
    run: sunionStore,
  },
  {
    name: "sdiffstore",
    arity: -3,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update"), keyRange(2, -1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Stores the members of a set that are in none of others.",
    syntax: "@destination @key/1+",
    run: sdiffStore,
  },
  {
    name: "sintercard",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "7.0.0",
    complexity: "O(N*M)",
    summary: "Counts the members that are in all of several sets.",
    syntax: "numkeys:integer @key+ LIMIT=limit:integer?",
    run: sinterCard,
  },
  {
    name: "sunioncard",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "8.10.0",
    complexity: "O(N)",
    summary: "Counts the members of all of several sets.",
    syntax: "numkeys:integer @key+ APPROX? LIMIT=limit:integer?",
    differs: "The count is exact with APPROX, too.",
    run: sunionCard,
  },
  {
    name: "sdiffcard",
    arity: -3,
    flags: ["readonly", "movablekeys"],
    keys: [countedKeys(1, "RO access")],
    since: "8.10.0",
    complexity: "O(N)",
    summary: "Counts the members of a set that are in none of others.",
    syntax: "numkeys:integer @key+ LIMIT=limit:integer?",
    run: sdiffCard,
  },
  {
    name: "smove",
    arity: 4,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete"), key(2, "RW insert")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Takes a member out of one set and puts it into another, in one step.",
    syntax: "@source @destination/1 member",
    run: smove,
  },
]);
