/** Ranges of sorted sets that are removed, or stored at another key. */
import { TYPE_NONE, TYPE_ZSET } from "@hearthkv/engine";
import { elementsFit, lookupAt, sizeFound } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { EVENT_ZSET, notifyStored, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";
import { finderFor, limited, optionsFrom, type RangeKind, readZset } from "./zset-ranges.js";

/** ZREMRANGEBYRANK key start stop */
function zremRangeByRank(ctx: CommandContext): void {
  removeRange(ctx, "rank");
}

/** ZREMRANGEBYSCORE key min max */
function zremRangeByScore(ctx: CommandContext): void {
  removeRange(ctx, "score");
}

/** ZREMRANGEBYLEX key min max */
function zremRangeByLex(ctx: CommandContext): void {
  removeRange(ctx, "lex");
}

function removeRange(ctx: CommandContext, kind: RangeKind): void {
  const { request: r, db, reply } = ctx;
  const finder = finderFor(ctx, 1, kind, false);
  if (finder === null) return;
  const size = sizeFound(ctx, lookupAt(ctx, 1), TYPE_ZSET);
  if (size < 0) return;
  const { from, to } = size === 0 ? { from: 0, to: 0 } : finder(db, size);
  if (from < to) {
    db.zsets.popRanks(r.buf, r.off[1], r.len[1], from, to, false, null);
    notifyTaken(ctx, EVENT_ZSET, ctx.row.name, 1);
  }
  reply.int(Math.max(0, to - from));
}

/** ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count] */
function zrangeStore(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 3)) return;
  const options = optionsFrom(ctx, 5, null, null, false);
  if (options === null) return;
  const finder = finderFor(ctx, 2, options.kind, options.reverse);
  if (finder === null) return;
  const size = readZset(ctx, 2);
  if (size < 0) return;
  const { from, to } = size === 0 ? { from: 0, to: 0 } : limited(finder(db, size), options);
  const built = db.algebra.collectScores((visit) => {
    if (from < to) db.zsets.each(from, to, false, visit);
  }, false);
  const count = built.size;
  const existed = lookupAt(ctx, 1) !== TYPE_NONE;
  db.put(r.buf, r.off[1], r.len[1], built);
  notifyStored(ctx, EVENT_ZSET, 1, count, existed);
  reply.int(count);
}

export const zsetRangeWriteCommands = family("sorted-set", [
  {
    name: "zremrangebyrank",
    arity: 4,
    flags: ["write"],
    keys: [key(1, "RW delete")],
    since: "2.0.0",
    complexity: "O(log(N)+M)",
    summary: "Removes the members in a range of ranks.",
    syntax: "@key start:integer stop:integer",
    run: zremRangeByRank,
  },
  {
    name: "zremrangebyscore",
    arity: 4,
    flags: ["write"],
    keys: [key(1, "RW delete")],
    since: "1.2.0",
    complexity: "O(log(N)+M)",
    summary: "Removes the members with scores in a range.",
    syntax: "@key min:double max:double",
    run: zremRangeByScore,
  },
  {
    name: "zremrangebylex",
    arity: 4,
    flags: ["write"],
    keys: [key(1, "RW delete")],
    since: "2.8.9",
    complexity: "O(log(N)+M)",
    summary: "Removes the members in a range of names; all have the same score.",
    syntax: "@key min max",
    run: zremRangeByLex,
  },
  {
    name: "zrangestore",
    arity: -5,
    flags: ["write", "denyoom"],
    keys: [key(1, "OW update"), key(2, "RO access")],
    since: "6.2.0",
    complexity: "O(log(N)+M)",
    summary: "Stores members in a range of ranks, scores or names at another key.",
    syntax: "@dst @src/1 min max <sortby: BYSCORE | BYLEX>? REV? LIMIT=(offset-count: offset:integer count:integer)?",
    run: zrangeStore,
  },
]);
