/**
 * BITFIELD: integers of 1 to 64 bits anywhere in a string, the highest bit first. Sums are exact; where one does not fit the field it wraps around, stays at the
 * limit, or is left undone.
 */
import { STRING_BYTES_MAX, TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { parseSafeInt } from "@hearthkv/resp";
import { isOrAbsent, lookupAt, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_STRING, notify, notifyNew } from "../events.js";
import { bigArg } from "../strings/increments.js";
import { family } from "../table/declare.js";
import { key } from "../table/keys.js";
import { byteAt, offsetArg, stringSize } from "./offsets.js";

type Action = "get" | "set" | "incrby";
/** What to do with a value that does not fit. */
type Overflow = "wrap" | "sat" | "fail";

interface Step {
  readonly action: Action;
  readonly signed: boolean;
  /** Width, and position of the highest bit. */
  readonly bits: number;
  readonly offset: number;
  readonly operand: bigint;
  readonly overflow: Overflow;
}

const ACTIONS: readonly Action[] = ["get", "set", "incrby"];
const OVERFLOWS: readonly Overflow[] = ["wrap", "sat", "fail"];
const LETTER_I = 105;
const LETTER_U = 117;
/** Bytes in which a field of 64 bits may lie. */
const FIELD_BYTES_MAX = 9;
/** Bytes that a written field takes in the log besides its key. */
const LOGGED_BYTES = 32;

function bitField(ctx: CommandContext): void {
  const steps = readSteps(ctx);
  if (steps === null) return;
  if (steps.every(({ action }) => action === "get")) replyFields(ctx, steps);
  else changeFields(ctx, steps);
}

function bitFieldRo(ctx: CommandContext): void {
  const steps = readSteps(ctx);
  if (steps === null) return;
  if (steps.every(({ action }) => action === "get")) replyFields(ctx, steps);
  else ctx.reply.error(ERR.fieldReadOnly);
}

/** What the arguments ask for; null after an error reply. */
function readSteps(ctx: CommandContext): Step[] | null {
  const { request: r, reply } = ctx;
  const steps: Step[] = [];
  let overflow: Overflow = "wrap";
  let i = 2;
  while (i < r.argc) {
    const left = r.argc - i - 1;
    const action = ACTIONS.find((name) => r.is(i, name));
    if (action !== undefined && left >= (action === "get" ? 2 : 3)) {
      const step = readStep(ctx, i, action, overflow);
      if (step === null) return null;
      steps.push(step);
      i += action === "get" ? 3 : 4;
    } else if (r.is(i, "overflow") && left >= 1) {
      const chosen = OVERFLOWS.find((name) => r.is(i + 1, name));
      if (chosen === undefined) {
        reply.error(ERR.overflowType);
        return null;
      }
      overflow = chosen;
      i += 2;
    } else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  return steps;
}

/** The step whose name is argument `i`; null after an error reply. */
function readStep(ctx: CommandContext, i: number, action: Action, overflow: Overflow): Step | null {
  const { request: r, reply } = ctx;
  const at = r.off[i + 1];
  // Redis's texts end at a zero byte.
  const zero = r.buf.subarray(at, at + r.len[i + 1]).indexOf(0);
  const len = zero < 0 ? r.len[i + 1] : zero;
  const signed = len > 0 && r.buf[at] === LETTER_I;
  const bits = len > 1 && (signed || r.buf[at] === LETTER_U) ? parseSafeInt(r.buf, at + 1, len - 1) : Number.NaN;
  if (!(bits >= 1 && bits <= (signed ? 64 : 63))) {
    reply.error(ERR.fieldType);
    return null;
  }
  const offset = offsetArg(ctx, i + 2, bits);
  if (Number.isNaN(offset)) return null;
  if (action === "get") return { action, signed, bits, offset, operand: 0n, overflow };
  const operand = bigArg(ctx, i + 3);
  if (operand === null) return null;
  if (offset + bits <= STRING_BYTES_MAX * 8) return { action, signed, bits, offset, operand, overflow };
  reply.error(ERR.bitOffset);
  return null;
}

function replyFields(ctx: CommandContext, steps: readonly Step[]): void {
  const type = lookupReadAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  ctx.reply.array(steps.length);
  for (const step of steps) ctx.reply.int(readField(ctx, type, step));
}

function changeFields(ctx: CommandContext, steps: readonly Step[]): void {
  const { request: r, db, reply, keyspace } = ctx;
  let type = lookupAt(ctx, 1);
  if (!isOrAbsent(ctx, type, TYPE_STRING)) return;
  if (keyspace.effects.enabled) keyspace.effects.require((steps.length + 1) * (r.len[1] + LOGGED_BYTES));
  // It grows at once as far as any step needs, also where none of them changes anything.
  const ends = steps.map(({ action, offset, bits }) => (action === "get" ? 0 : Math.ceil((offset + bits) / 8)));
  const size = ends.reduce((longest, end) => Math.max(longest, end), 0);
  const grows = size > stringSize(ctx, type);
  const isNew = grows && type === TYPE_NONE;
  if (grows) {
    field.fill(0);
    db.strings.setRange(r.buf, r.off[1], r.len[1], size - 1, field, 0, 1);
    type = lookupAt(ctx, 1);
  }
  reply.array(steps.length);
  let isChanged = false;
  for (const step of steps) {
    const before = readField(ctx, type, step);
    if (step.action === "get") {
      reply.int(before);
      continue;
    }
    const [base, delta] = step.action === "set" ? [step.operand, 0n] : [before, step.operand];
    const after = fitted(step, base, delta);
    if (after === null) {
      reply.nil();
      continue;
    }
    reply.int(step.action === "set" ? before : after);
    if (grows || after !== before) isChanged = true;
    if (after === before) continue;
    writeField(ctx, type, step, after);
    type = lookupAt(ctx, 1);
  }
  if (isChanged) notify(ctx, EVENT_STRING, "setbit", 1);
  else if (isNew) notifyNew(ctx, 1);
}

/** base + delta as the field can hold it; null where it cannot, and is to be left as it is. */
function fitted({ signed, bits, overflow }: Step, base: bigint, delta: bigint): bigint | null {
  const span = 1n << BigInt(bits);
  const max = signed ? span / 2n - 1n : span - 1n;
  const min = signed ? -span / 2n : 0n;
  // A negative number is a huge one where Redis keeps no sign.
  const value = signed ? base : BigInt.asUintN(64, base);
  const sum = value + delta;
  if (sum >= min && sum <= max) return sum;
  if (overflow === "fail") return null;
  if (overflow === "wrap") return signed ? BigInt.asIntN(bits, sum) : BigInt.asUintN(bits, sum);
  return sum > max || passesMax(value, delta, max) ? max : min;
}

/**
 * Whether Redis takes a sum below the least value of a field for one above the highest: it computes how much may be added as an int64, and for SET of nearly -2^63 that
 * wraps.
 */
function passesMax(value: bigint, delta: bigint, max: bigint): boolean {
  return delta > BigInt.asIntN(64, max - value);
}

/** Bytes in which a field lies. */
const field = new Uint8Array(FIELD_BYTES_MAX);

/** The value of a field of the string just looked up; behind its end there are zeros. */
function readField(ctx: CommandContext, type: number, { signed, bits, offset }: Step): bigint {
  let value = 0n;
  // 32 bits at a time, or what is left.
  for (let done = 0; done < bits; ) {
    const taken = Math.min(32, bits - done);
    let part = 0;
    for (let bit = offset + done; bit < offset + done + taken; bit++) {
      part = part * 2 + ((byteAt(ctx, type, Math.floor(bit / 8)) >>> (7 - (bit & 7))) & 1);
    }
    value = (value << BigInt(taken)) | BigInt(part);
    done += taken;
  }
  return signed ? BigInt.asIntN(bits, value) : value;
}

/** Gives a field of the string just looked up a value; the string is long enough. */
function writeField(ctx: CommandContext, type: number, { bits, offset }: Step, value: bigint): void {
  const { request: r, db } = ctx;
  const from = Math.floor(offset / 8);
  const bytes = Math.ceil((offset + bits) / 8) - from;
  for (let i = 0; i < bytes; i++) field[i] = byteAt(ctx, type, from + i);
  const high = Number(BigInt.asUintN(32, value >> 32n));
  const low = Number(BigInt.asUintN(32, value));
  for (let i = 0; i < bits; i++) {
    const bit = (offset & 7) + bits - 1 - i;
    const mask = 0x80 >>> (bit & 7);
    const isSet = (((i < 32 ? low : high) >>> (i & 31)) & 1) === 1;
    field[bit >>> 3] = isSet ? field[bit >>> 3] | mask : field[bit >>> 3] & ~mask;
  }
  db.strings.setRange(r.buf, r.off[1], r.len[1], from, field, 0, bytes);
}

export const bitFieldCommands = family("bitmap", [
  {
    name: "bitfield",
    arity: -2,
    flags: ["write", "denyoom"],
    keys: [key(1, "RW access update variable_flags")],
    since: "3.2.0",
    complexity: "O(N)",
    summary: "Reads and changes integers of any width in a string.",
    syntax:
      "@key <operation: GET=(get-block: encoding offset:integer) | (write: OVERFLOW=<overflow-block: WRAP | SAT | FAIL>? <write-operation: SET=(set-block: encoding offset:integer value:integer) | INCRBY=(incrby-block: encoding offset:integer increment:integer)>)>+?",
    differs: "A field ends within 512 MB; in Redis the last one may end behind it.",
    run: bitField,
  },
  {
    name: "bitfield_ro",
    arity: -2,
    flags: ["readonly", "fast"],
    keys: [key(1, "RO access")],
    since: "6.0.0",
    complexity: "O(N)",
    summary: "Reads integers of any width in a string.",
    syntax: "@key GET=(get-block: encoding offset:integer)++?",
    run: bitFieldRo,
  },
]);
