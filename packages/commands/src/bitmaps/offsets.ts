/** Where bits are: offsets from the highest bit of the first byte on, in a string of 512 MB at most. */
import { STRING_BYTES_MAX, TYPE_NONE, TYPE_STRING } from "@hearthkv/engine";
import { parseSafeInt } from "@hearthkv/resp";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";

const HASH = 35;

/**
 * The bit offset at argument `i`; NaN after an error reply.
 * @param bits 0, or the width of what is there: then "#3" means the fourth of that width
 */
export function offsetArg(ctx: CommandContext, i: number, bits = 0): number {
  const r = ctx.request;
  const counts = bits > 0 && r.len[i] > 0 && r.buf[r.off[i]] === HASH;
  const skipped = counts ? 1 : 0;
  const offset = parseSafeInt(r.buf, r.off[i] + skipped, r.len[i] - skipped) * (counts ? bits : 1);
  if (offset >= 0 && offset < STRING_BYTES_MAX * 8) return offset;
  ctx.reply.error(ERR.bitOffset);
  return Number.NaN;
}

/** The string just looked up, by its type; empty where there is none. */
export function stringSize({ db }: CommandContext, type: number): number {
  return type === TYPE_NONE ? 0 : db.keys.valueLen;
}

/** A byte of the string just looked up; zero behind its end. */
export function byteAt({ db }: CommandContext, type: number, at: number): number {
  const { keys } = db;
  return type === TYPE_STRING && at < keys.valueLen ? keys.valueBuf[keys.valueOff + at] : 0;
}
