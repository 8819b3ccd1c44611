/** Sets. */
import { TYPE_SET, WRONG_TYPE } from "@hearthkv/engine";
import {
  countArg,
  elementsFit,
  lookupAt,
  lookupReadAt,
  replyFound,
  signedArg,
  sizeFound,
} from "../arguments/arguments.js";
import { replyRandom } from "../arguments/random.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_SET, notify, notifyTaken } from "../events.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";

/** Looks the key up for reading: the set's size, 0 when there is none, -1 after an error reply. */
function readSet(ctx: CommandContext): number {
  return sizeFound(ctx, lookupReadAt(ctx, 1), TYPE_SET);
}

/** The same for changing. */
function writeSet(ctx: CommandContext): number {
  return sizeFound(ctx, lookupAt(ctx, 1), TYPE_SET);
}

function sadd(ctx: CommandContext): void {
  const { request: r, db } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const added = db.sets.add(r.buf, r.off[1], r.len[1], r.buf, r.off, r.len, 2, r.argc - 2);
  if (added > 0) notify(ctx, EVENT_SET, "sadd", 1);
  replyChanged(ctx, added);
}

function srem(ctx: CommandContext): void {
  const { request: r, db } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const gone = db.sets.remove(r.buf, r.off[1], r.len[1], r.buf, r.off, r.len, 2, r.argc - 2);
  if (gone > 0) notifyTaken(ctx, EVENT_SET, "srem", 1);
  replyChanged(ctx, gone);
}

function replyChanged({ reply }: CommandContext, count: number): void {
  if (count === WRONG_TYPE) reply.error(ERR.wrongType);
  else reply.int(count);
}

function spop(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (argc > 3) ctx.reply.error(ERR.syntax);
  else if (argc === 3) popSeveral(ctx);
  else popOne(ctx);
}

function popOne(ctx: CommandContext): void {
  const { reply } = ctx;
  const size = writeSet(ctx);
  if (size < 0) return;
  if (size === 0) reply.nil();
  else popSpots(ctx, [ctx.db.sets.randomSpot()]);
}

function popSeveral(ctx: CommandContext): void {
  const count = countArg(ctx, 2);
  if (Number.isNaN(count)) return;
  const size = writeSet(ctx);
  if (size < 0) return;
  const spots = size === 0 ? [] : ctx.db.sets.randomSpots(count);
  ctx.reply.set(spots.length);
  if (spots.length > 0) popSpots(ctx, spots);
}

function popSpots(ctx: CommandContext, spots: readonly number[]): void {
  const { request: r, reply, db } = ctx;
  db.sets.pop(r.buf, r.off[1], r.len[1], spots, (buf, off, len) => reply.bulk(buf, off, len));
  notifyTaken(ctx, EVENT_SET, "spop", 1);
}

function replyMember(ctx: CommandContext, spot: number): void {
  ctx.db.sets.read(spot);
  replyFound(ctx);
}

function srandmember(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (argc > 3) ctx.reply.error(ERR.syntax);
  else if (argc === 3) randomMembers(ctx);
  else randomMember(ctx);
}

function randomMember(ctx: CommandContext): void {
  const size = readSet(ctx);
  if (size < 0) return;
  if (size === 0) ctx.reply.nil();
  else replyMember(ctx, ctx.db.sets.randomSpot());
}

function randomMembers(ctx: CommandContext): void {
  const count = signedArg(ctx, 2);
  if (Number.isNaN(count)) return;
  const size = readSet(ctx);
  if (size >= 0) replyRandom(ctx, size, count, 1, ctx.db.sets, (spot) => replyMember(ctx, spot));
}

function smembers(ctx: CommandContext): void {
  const { db, reply } = ctx;
  const size = readSet(ctx);
  if (size < 0) return;
  reply.set(size);
  if (size > 0) db.sets.each((buf, off, len) => reply.bulk(buf, off, len));
}

function sismember(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const size = readSet(ctx);
  if (size >= 0) replyHas(ctx, size, 2);
}

function smismember(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const size = readSet(ctx);
  if (size < 0) return;
  reply.array(r.argc - 2);
  for (let i = 2; i < r.argc; i++) replyHas(ctx, size, i);
}

function replyHas({ request: r, db, reply }: CommandContext, size: number, i: number): void {
  reply.int(size > 0 && db.sets.has(r.buf, r.off[i], r.len[i]) ? 1 : 0);
}

function scard(ctx: CommandContext): void {
  const size = readSet(ctx);
  if (size >= 0) ctx.reply.int(size);
}

export const setCommands = family("set", [
  {
    name: "sadd",
    arity: -3,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Adds members to a set; returns how many are new.",
    syntax: "@key member+",
    history: [["2.4.0", "takes several members"]],
    run: sadd,
  },
  {
    name: "srem",
    arity: -3,
    flags: ["write", "fast"],
    keys: [key(1, "RW delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Removes members; an empty set goes with them.",
    syntax: "@key member+",
    history: [["2.4.0", "takes several members"]],
    run: srem,
  },
  {
    name: "spop",
    arity: -2,
    flags: ["write", "fast"],
    keys: [key(1, "RW access delete")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Takes random members out of a set.",
    syntax: "@key count:integer?",
    tips: ["nondeterministic_output"],
    history: [["3.2.0", "takes a count"]],
    run: spop,
  },
  {
    name: "srandmember",
    arity: -2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns random members of a set.",
    syntax: "@key count:integer?",
    tips: ["nondeterministic_output"],
    history: [["2.6.0", "takes a count"]],
    differs: "A reply of more than 512 MB is refused.",
    run: srandmember,
  },
  {
    name: "smembers",
    arity: 2,
    flags: ["readonly"],
    keys: [key(1, "RO access")],
    since: "1.0.0",
    complexity: "O(N)",
    summary: "Returns what a set has, in no order.",
    syntax: "@key",
    tips: ["nondeterministic_output_order"],
    run: smembers,
  },
  {
    name: "sismember",
    arity: 3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Tells whether a set has a member.",
    syntax: "@key member",
    run: sismember,
  },
  {
    name: "smismember",
    arity: -3,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "6.2.0",
    complexity: "O(N)",
    summary: "Tells for each of several whether it is a member.",
    syntax: "@key member+",
    run: smismember,
  },
  {
    name: "scard",
    arity: 2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO")],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Counts the members of a set.",
    syntax: "@key",
    run: scard,
  },
]);
