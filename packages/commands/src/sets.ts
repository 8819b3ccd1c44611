/** Sets. */
import { type SetValue, TYPE_NONE, TYPE_SET } from "@hearthkv/engine";
import { countArg, elements, elementsFit, intArg, isOrAbsent, lookupAt, lookupReadAt } from "./arguments.js";
import type { CommandContext, CommandRow } from "./context.js";
import { ERR, outsideRange } from "./errors.js";
import { GROW_FAST, READ, READ_FAST, rowMaker, WRITE_FAST } from "./rows.js";
import { sscan } from "./scan.js";

const INT64_MIN = -(2n ** 63n);
/** SRANDMEMBER with a negative count repeats members without end; beyond this its reply is refused instead of filling memory. */
const REPLY_BYTES_MAX = 512 * 1024 * 1024;
/** Header and line ends of a bulk. */
const BULK_OVERHEAD_BYTES = 16;

/** The set at the key for reading, null when there is none, undefined after an error reply. */
function readSet(ctx: CommandContext): SetValue | null | undefined {
  return setOf(ctx, lookupReadAt(ctx, 1));
}

/** The same for changing. */
function writeSet(ctx: CommandContext): SetValue | null | undefined {
  return setOf(ctx, lookupAt(ctx, 1));
}

function setOf(ctx: CommandContext, type: number): SetValue | null | undefined {
  if (!isOrAbsent(ctx, type, TYPE_SET)) return undefined;
  return type === TYPE_NONE ? null : (ctx.db.value as SetValue);
}

function sadd(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (elementsFit(ctx, 2) && isOrAbsent(ctx, lookupAt(ctx, 1), TYPE_SET))
    reply.int(db.setAdd(r.buf, r.off[1], r.len[1], elements(ctx, 2)));
}

function srem(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const set = writeSet(ctx);
  if (set === undefined) return;
  reply.int(set === null ? 0 : db.setRemove(r.buf, r.off[1], r.len[1], elements(ctx, 2)));
}

function spop(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (argc > 3) ctx.reply.error(ERR.syntax);
  else if (argc === 3) popSeveral(ctx);
  else popOne(ctx);
}

function popOne(ctx: CommandContext): void {
  const { keyspace, reply } = ctx;
  const set = writeSet(ctx);
  if (set === undefined) return;
  if (set === null) {
    reply.nil();
    return;
  }
  const member = set.at(set.randomSlot(keyspace.random));
  reply.bulkString(member);
  removeMembers(ctx, [member]);
}

function popSeveral(ctx: CommandContext): void {
  const count = countArg(ctx, 2);
  if (Number.isNaN(count)) return;
  const set = writeSet(ctx);
  if (set === undefined) return;
  const chosen = set === null ? [] : distinctMembers(ctx, set, count);
  ctx.reply.set(chosen.length);
  for (const member of chosen) ctx.reply.bulkString(member);
  if (chosen.length > 0) removeMembers(ctx, chosen);
}

function removeMembers(ctx: CommandContext, members: readonly string[]): void {
  const { request: r, db } = ctx;
  db.setRemove(r.buf, r.off[1], r.len[1], members);
}

/** `count` different members, or all; in random order unless all. */
function distinctMembers(ctx: CommandContext, set: SetValue, count: number): string[] {
  const { size } = set;
  if (count >= size) return Array.from({ length: size }, (_, slot) => set.at(slot));
  // The first steps of a Fisher-Yates shuffle of the slots; `moved` holds the slots that are not at home.
  const moved = new Map<number, number>();
  const chosen: string[] = [];
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(ctx.keyspace.random() * (size - i));
    chosen.push(set.at(moved.get(j) ?? j));
    moved.set(j, moved.get(i) ?? i);
  }
  return chosen;
}

function srandmember(ctx: CommandContext): void {
  const { argc } = ctx.request;
  if (argc > 3) ctx.reply.error(ERR.syntax);
  else if (argc === 3) randomMembers(ctx);
  else randomMember(ctx);
}

function randomMember(ctx: CommandContext): void {
  const { keyspace, reply } = ctx;
  const set = readSet(ctx);
  if (set === undefined) return;
  if (set === null) reply.nil();
  else reply.bulkString(set.at(set.randomSlot(keyspace.random)));
}

/** A positive count asks for different members, a negative one for so many choices. */
function randomMembers(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  const count = intArg(ctx, 2);
  if (Number.isNaN(count)) return;
  if (count < 0 && r.str(2) === String(INT64_MIN)) {
    reply.error(outsideRange(INT64_MIN + 1n, -(INT64_MIN + 1n)));
    return;
  }
  const set = readSet(ctx);
  if (set === undefined) return;
  if (set === null) reply.array(0);
  else if (count < 0) repeatedMembers(ctx, set, -count);
  else {
    const chosen = distinctMembers(ctx, set, count);
    reply.array(chosen.length);
    for (const member of chosen) reply.bulkString(member);
  }
}

function repeatedMembers(ctx: CommandContext, set: SetValue, count: number): void {
  const { keyspace, reply } = ctx;
  if (count * (set.bytes / set.size + BULK_OVERHEAD_BYTES) > REPLY_BYTES_MAX) {
    reply.error(ERR.outOfRange);
    return;
  }
  reply.array(count);
  for (let i = 0; i < count; i++) reply.bulkString(set.at(set.randomSlot(keyspace.random)));
}

function smembers(ctx: CommandContext): void {
  const { reply } = ctx;
  const set = readSet(ctx);
  if (set === undefined) return;
  const size = set?.size ?? 0;
  reply.set(size);
  for (let slot = 0; slot < size; slot++) reply.bulkString(set!.at(slot));
}

function sismember(ctx: CommandContext): void {
  if (!elementsFit(ctx, 2)) return;
  const set = readSet(ctx);
  if (set !== undefined) ctx.reply.int(set?.has(ctx.request.str(2)) ? 1 : 0);
}

function smismember(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  if (!elementsFit(ctx, 2)) return;
  const set = readSet(ctx);
  if (set === undefined) return;
  reply.array(r.argc - 2);
  for (let i = 2; i < r.argc; i++) reply.int(set?.has(r.str(i)) ? 1 : 0);
}

function scard(ctx: CommandContext): void {
  const set = readSet(ctx);
  if (set !== undefined) ctx.reply.int(set?.size ?? 0);
}

const row = rowMaker("set");

export const setRows: readonly CommandRow[] = [
  row("sadd", -3, GROW_FAST, "1.0.0", "Adds members to a set; returns how many are new.", sadd),
  row("srem", -3, WRITE_FAST, "1.0.0", "Removes members; an empty set goes with them.", srem),
  row("spop", -2, WRITE_FAST, "1.0.0", "Takes random members out of a set.", spop),
  row("srandmember", -2, READ, "1.0.0", "Returns random members of a set.", srandmember),
  row("smembers", 2, READ, "1.0.0", "Returns all members of a set.", smembers),
  row("sismember", 3, READ_FAST, "1.0.0", "Tells whether a set has a member.", sismember),
  row("smismember", -3, READ_FAST, "6.2.0", "Tells for each of several whether it is a member.", smismember),
  row("scard", 2, READ_FAST, "1.0.0", "Returns the number of members of a set.", scard),
  row("sscan", -3, READ, "2.8.0", "Iterates the members of a set in steps.", sscan),
];
