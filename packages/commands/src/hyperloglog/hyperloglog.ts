/**
 * HyperLogLog: how many different elements there were, to 0.81 %, in 12 KB at most. A value is a string with Redis's own bytes (format.ts), so that it may come from
 * there, and from anybody: one that is damaged is told so, and nothing is changed.
 */
import { TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { isOrAbsent, lookupAt, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR, unknownHllSubcommand } from "../errors.js";
import { EVENT_STRING, notify } from "../events.js";
import { family } from "../table/declare.js";
import { key, keyRange } from "../table/keys.js";
import { hashElement } from "./element-hash.js";
import { estimate, VALUES } from "./estimate.js";
import {
  CACHE_AT,
  CACHE_BYTES,
  CACHE_IS_OLD,
  CACHE_STATE_AT,
  countRegisters,
  DENSE,
  denseRegister,
  eachRun,
  encodingOf,
  HEADER_BYTES,
  isHyperLogLog,
  isLongRun,
  joinDense,
  REGISTER_BITS,
  REGISTERS,
  runLength,
  runValue,
} from "./format.js";
import { selfTest } from "./self-test.js";
import { CORRUPT, RAISED, Sketch } from "./sketch.js";

const TWO_32 = 4294967296;
const TWO_63 = 2 ** 63;

/** The value being changed. */
const sketch = new Sketch();
const histogram = new Int32Array(VALUES);
const cache = new Uint8Array(CACHE_BYTES);

function pfadd(ctx: CommandContext): void {
  const { request: r, reply, keyspace } = ctx;
  const type = lookupAt(ctx, 1);
  if (!loadSketch(ctx, type)) return;
  let isChanged = type === TYPE_NONE;
  for (let i = 2; i < r.argc; i++) {
    const hash = hashElement(r.buf, r.off[i], r.len[i]);
    const done = sketch.raise(hash & (REGISTERS - 1), hash >>> REGISTER_BITS, keyspace.limits.sparseHllBytes);
    if (done === CORRUPT) {
      reply.error(ERR.corruptHyperLogLog);
      return;
    }
    if (done === RAISED) isChanged = true;
  }
  if (isChanged) storeSketch(ctx);
  reply.int(isChanged ? 1 : 0);
}

function pfcount(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  if (r.argc > 2) {
    countUnion(ctx);
    return;
  }
  const type = lookupReadAt(ctx, 1);
  if (!isValid(ctx, type)) return;
  if (type === TYPE_NONE) {
    reply.int(0);
    return;
  }
  const { valueBuf: buf, valueOff: off, valueLen: len } = db.keys;
  if ((buf[off + CACHE_STATE_AT] & CACHE_IS_OLD) === 0) {
    const bytes = Buffer.from(buf.buffer, buf.byteOffset + off + CACHE_AT, CACHE_BYTES);
    reply.int(bytes.readBigInt64LE());
    return;
  }
  histogram.fill(0);
  if (!countRegisters(buf, off, len, histogram)) {
    reply.error(ERR.corruptHyperLogLog);
    return;
  }
  const count = estimate(histogram);
  putCount(count);
  db.strings.setRange(r.buf, r.off[1], r.len[1], CACHE_AT, cache, 0, CACHE_BYTES);
  replyCount(ctx, count);
}

/** Several keys: nothing is cached. */
function countUnion(ctx: CommandContext): void {
  const registers = new Uint8Array(REGISTERS);
  for (let i = 1; i < ctx.request.argc; i++) if (!join(ctx, i, registers)) return;
  histogram.fill(0);
  for (let i = 0; i < REGISTERS; i++) histogram[registers[i]]++;
  replyCount(ctx, estimate(histogram));
}

/** A count that only registers can have which no element made is Redis's least integer. */
function replyCount({ reply }: CommandContext, count: number): void {
  reply.int(count < TWO_63 ? BigInt(count) : -(2n ** 63n));
}

/** Writes a count as it is cached, and the largest one as one that is out of date, which it is in Redis. */
function putCount(count: number): void {
  const view = new DataView(cache.buffer);
  view.setUint32(0, count < TWO_63 ? count % TWO_32 : 0, true);
  view.setUint32(4, count < TWO_63 ? Math.floor(count / TWO_32) : TWO_32 / 2, true);
}

function pfmerge(ctx: CommandContext): void {
  const { request: r, db, reply, keyspace } = ctx;
  const registers = new Uint8Array(REGISTERS);
  let isDense = false;
  for (let i = 1; i < r.argc; i++) {
    if (!join(ctx, i, registers)) return;
    if (db.keys.ref !== 0 && encodingOf(db.keys.valueBuf, db.keys.valueOff) === DENSE) isDense = true;
  }
  const type = lookupAt(ctx, 1);
  // All of it was whole a moment ago.
  if (!loadSketch(ctx, type)) return;
  if (isDense && !sketch.isDense) sketch.toDense();
  for (let i = 0; i < REGISTERS; i++) {
    if (registers[i] > 0) sketch.raise(i, registers[i], keyspace.limits.sparseHllBytes);
  }
  storeSketch(ctx);
  reply.ok();
}

/** Joins the registers of the key at argument `i`, if there is one, to others. False after an error reply. */
function join(ctx: CommandContext, i: number, registers: Uint8Array): boolean {
  const { keys } = ctx.db;
  const type = lookupReadAt(ctx, i);
  if (!isValid(ctx, type)) return false;
  if (type === TYPE_NONE) return true;
  const { valueBuf: buf, valueOff: off, valueLen: len } = keys;
  if (encodingOf(buf, off) === DENSE) {
    joinDense(buf, off, registers);
    return true;
  }
  const isWhole = eachRun(buf, off, len, (first, count, value) => {
    for (let n = first; n < first + count; n++) registers[n] = Math.max(registers[n], value);
  });
  if (!isWhole) ctx.reply.error(ERR.corruptHyperLogLog);
  return isWhole;
}

/** True when the key just looked up is free or may be a HyperLogLog. Otherwise replies with an error. */
function isValid(ctx: CommandContext, type: number): boolean {
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return false;
  const { valueBuf, valueOff, valueLen } = ctx.db.keys;
  if (type === TYPE_NONE || isHyperLogLog(valueBuf, valueOff, valueLen)) return true;
  ctx.reply.error(ERR.notHyperLogLog);
  return false;
}

/** Copies the value just looked up, or makes one. False after an error reply. */
function loadSketch(ctx: CommandContext, type: number): boolean {
  if (!isValid(ctx, type)) return false;
  const { valueBuf, valueOff, valueLen } = ctx.db.keys;
  if (type === TYPE_NONE) sketch.clear();
  else if (!sketch.load(valueBuf, valueOff, valueLen)) {
    ctx.reply.error(ERR.corruptHyperLogLog);
    return false;
  }
  return true;
}

/** Puts the copy back under the first key, its count forgotten. The log gets the bytes that have changed. */
function storeSketch(ctx: CommandContext): void {
  writeSketch(ctx);
  notify(ctx, EVENT_STRING, "pfadd", 1);
}

/** What the body of a mutation has besides key and bytes, at most. */
const BODY_BYTES = 13;

function writeSketch({ request: r, db, keyspace }: CommandContext): void {
  const { bytes, length, changedFrom: from, loadedLength: before, unchangedTail: tail } = sketch;
  const key = [r.buf, r.off[1], r.len[1]] as const;
  const wasOld = (bytes[CACHE_STATE_AT] & CACHE_IS_OLD) !== 0;
  sketch.forgetCount();
  if (from === 0) {
    db.strings.setKeepTtl(...key, bytes, 0, length);
    return;
  }
  const removed = before - tail - from;
  const added = length - tail - from;
  const { effects } = keyspace;
  // Of two mutations the second must not be refused.
  if (effects.enabled) effects.require(2 * (BODY_BYTES + r.len[1]) + 1 + Math.max(added, 0));
  if (!wasOld) db.strings.setRange(...key, CACHE_STATE_AT, bytes, CACHE_STATE_AT, 1);
  if (from >= before) return;
  if (removed === added) db.strings.setRange(...key, from, bytes, from, added);
  else db.strings.splice(...key, from, removed, bytes, from, added);
}

const DEBUG_COMMANDS = { getreg: debugRegisters, decode: debugRuns, encoding: debugEncoding, todense: debugDense };

function pfdebug(ctx: CommandContext): void {
  const { request: r, reply } = ctx;
  const type = lookupAt(ctx, 2);
  if (type === TYPE_NONE) reply.error(ERR.noHyperLogLog);
  else if (isValid(ctx, type)) {
    const found = Object.entries(DEBUG_COMMANDS).find(([name]) => r.is(1, name));
    if (found === undefined) reply.error(unknownHllSubcommand(r.str(1)));
    else if (loadSketch(ctx, type)) found[1](ctx);
  }
}

function debugRegisters(ctx: CommandContext): void {
  const { reply } = ctx;
  if (!makeDense(ctx)) return;
  reply.array(REGISTERS);
  for (let i = 0; i < REGISTERS; i++) reply.int(denseRegister(sketch.bytes, 0, i));
}

function debugDense(ctx: CommandContext): void {
  const wasDense = sketch.isDense;
  if (makeDense(ctx)) ctx.reply.int(wasDense ? 0 : 1);
}

/** False after an error reply. */
function makeDense(ctx: CommandContext): boolean {
  if (sketch.isDense) return true;
  const { request: r, db, reply } = ctx;
  if (sketch.toDense()) {
    db.strings.setKeepTtl(r.buf, r.off[2], r.len[2], sketch.bytes, 0, sketch.length);
    return true;
  }
  reply.error(ERR.corruptHyperLogLog);
  return false;
}

function debugEncoding({ reply }: CommandContext): void {
  reply.simple(sketch.isDense ? "dense" : "sparse");
}

/** The runs of a sparse value, up to where they are not whole. */
function debugRuns({ reply }: CommandContext): void {
  if (sketch.isDense) {
    reply.error(ERR.notSparse);
    return;
  }
  const { bytes, length } = sketch;
  const texts: string[] = [];
  for (let p = HEADER_BYTES; p < length; p += isLongRun(bytes[p]) ? 2 : 1) {
    const count = runLength(bytes, p, length);
    const value = runValue(bytes[p]);
    texts.push(value > 0 ? `v:${value},${count}` : `${isLongRun(bytes[p]) ? "Z" : "z"}:${count}`);
  }
  reply.bulkString(texts.join(" "));
}

function pfselftest({ reply }: CommandContext): void {
  const fault = selfTest();
  if (fault === null) reply.ok();
  else reply.error(`TESTFAILED ${fault}`);
}

export const hyperLogLogCommands = family("hyperloglog", [
  {
    name: "pfadd",
    arity: -2,
    flags: ["write", "denyoom", "fast"],
    keys: [key(1, "RW insert")],
    since: "2.8.9",
    complexity: "O(N)",
    summary: "Adds elements to a HyperLogLog, which is made if needed; returns whether its count may have changed.",
    syntax: "@key element+?",
    run: pfadd,
  },
  {
    name: "pfcount",
    arity: -2,
    flags: ["readonly"],
    keys: [keyRange(1, -1, "RW access")],
    since: "2.8.9",
    complexity: "O(N)",
    summary: "Estimates how many different elements a HyperLogLog, or several together, have seen.",
    syntax: "@key+",
    run: pfcount,
  },
  {
    name: "pfmerge",
    arity: -2,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW access insert"), keyRange(2, -1, "RO access")],
    since: "2.8.9",
    complexity: "O(N)",
    summary: "Makes a HyperLogLog as if it had seen what it and others have.",
    syntax: "@destkey @sourcekey/1+?",
    run: pfmerge,
  },
  {
    name: "pfdebug",
    arity: 3,
    flags: ["write", "denyoom", "admin"],
    keys: [key(2, "RW access")],
    since: "2.8.9",
    complexity: "O(N)",
    summary: "Shows the registers or the encoding of a HyperLogLog, or makes a sparse one dense.",
    syntax: "subcommand @key",
    run: pfdebug,
  },
  {
    name: "pfselftest",
    arity: 1,
    flags: ["admin"],
    since: "2.8.9",
    complexity: "O(1)",
    summary: "Adds elements to HyperLogLogs of its own and checks what they count.",
    run: pfselftest,
  },
]);
