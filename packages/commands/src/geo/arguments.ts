/** What the commands on places read of their arguments. Each reader answers the client itself when something will not do. */
import { parseFloat64 } from "@hearthkv/resp";
import { doubleArg } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR, invalidPlace } from "../errors.js";
import { LATITUDE_MAX, LONGITUDE_MAX, type Place } from "./geohash.js";

/** Meters of a unit. */
const UNITS = [
  ["m", 1],
  ["km", 1000],
  ["ft", 0.3048],
  ["mi", 1609.34],
] as const;

/** The place at arguments `i` and `i + 1`; null after an error reply. */
export function placeArg(ctx: CommandContext, i: number): Place | null {
  const longitude = doubleArg(ctx, i);
  if (Number.isNaN(longitude)) return null;
  const latitude = doubleArg(ctx, i + 1);
  if (Number.isNaN(latitude)) return null;
  if (Math.abs(longitude) <= LONGITUDE_MAX && Math.abs(latitude) <= LATITUDE_MAX) return [longitude, latitude];
  ctx.reply.error(invalidPlace(longitude, latitude));
  return null;
}

/** Meters of the unit at argument `i`; NaN after an error reply. */
export function unitArg(ctx: CommandContext, i: number): number {
  for (const [name, meters] of UNITS) if (ctx.request.is(i, name)) return meters;
  ctx.reply.error(ERR.geoUnit);
  return Number.NaN;
}

/** The length at argument `i`, which may be negative; NaN after an error reply. */
export function lengthArg(ctx: CommandContext, i: number, notNumber: string): number {
  const r = ctx.request;
  const length = parseFloat64(r.buf, r.off[i], r.len[i]);
  if (length !== null) return length;
  ctx.reply.error(notNumber);
  return Number.NaN;
}
