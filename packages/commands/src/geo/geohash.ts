/**
 * Places as scores of a sorted set: the world is halved again and again, by longitude and by latitude in turn, and the bits that say in which half a place lies are
 * its number (G. M. Morton, 1966; G. Niemeyer's geohash, 2008). Places whose numbers begin alike are near each other.
 *
 *   cell     x: which column of 2^step, from the west; y: which row, from the south
 *   score    bits of y and x in turn, the lowest one y's; 26 of each: 52 bits, exact in a double
 *
 * Columns cover longitudes from -180 to 180; rows latitudes that a square map of the world has (EPSG:3857), a little more than 85 degrees to either side.
 * The very edge in the north and the east lies in a row or column of its own, one too many: so does Redis, and so the scores stay equal.
 */

export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;
/** Halvings of a score. */
export const STEPS = 26;
const CELLS = 2 ** STEPS;
const TWO_32 = 4294967296;
const TWO_63 = 2 ** 63;
/** Bits of a half of a cell's number. */
const HALF_BITS = 13;
const HALF_MASK = (1 << HALF_BITS) - 1;

/** A place in degrees. */
export type Place = readonly [longitude: number, latitude: number];

/** One of the parts into which `step` halvings cut the world. */
export interface Cell {
  readonly x: number;
  readonly y: number;
  readonly step: number;
}

/** Degrees from a place to the west and the south of it, or to the east and the north. */
export interface Area {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

/** The cell of a place within the limits. `latitudeMax`: where rows end. */
export function cellAt(longitude: number, latitude: number, step: number, latitudeMax = LATITUDE_MAX): Cell {
  const cells = 2 ** step;
  const x = Math.trunc(((longitude + LONGITUDE_MAX) / (2 * LONGITUDE_MAX)) * cells);
  const y = Math.trunc(((latitude + latitudeMax) / (2 * latitudeMax)) * cells);
  return { x, y, step };
}

/** The cell so many columns to the east and rows to the north of another one; the world is round in both directions. */
export function neighbour(cell: Cell, dx: number, dy: number): Cell {
  const mask = 2 ** cell.step - 1;
  const move = (n: number, d: number) => (d === 0 ? n : (n + d) & mask);
  return { x: move(cell.x, dx), y: move(cell.y, dy), step: cell.step };
}

/** What a cell covers. */
export function areaOf({ x, y, step }: Cell): Area {
  const cells = 2 ** step;
  return {
    west: longitudeOf(x / cells),
    south: latitudeOf(y / cells),
    east: longitudeOf((x + 1) / cells),
    north: latitudeOf((y + 1) / cells),
  };
}

/** The lowest score that a place in the cell can have, and how many there are from there on. */
export function scoresOf({ x, y, step }: Cell): [first: number, count: number] {
  const more = 2 ** (STEPS - step);
  return [interleave(x * more, y * more), more * more];
}

/** The score of a place. */
export function scoreAt(longitude: number, latitude: number): number {
  const { x, y } = cellAt(longitude, latitude, STEPS);
  return interleave(x, y);
}

/**
 * The middle of the cell that a score stands for. Any double is a score (ZADD may have given it): it is cut to 64 bits as the processors do for which Redis is
 * compiled, and what lies beyond the limits is moved there.
 */
export function placeOf(score: number): Place {
  const whole = score >= 2 * TWO_63 ? 0 : score < -TWO_63 ? -TWO_63 : Math.trunc(score);
  const high = Math.floor(whole / TWO_32);
  const low = whole - high * TWO_32;
  const x = squeeze(low >>> 1) + squeeze(high >>> 1) * 65536;
  const y = squeeze(low) + squeeze(high) * 65536;
  const middleX = (longitudeOf(x / CELLS) + longitudeOf((x + 1) / CELLS)) / 2;
  const middleY = (latitudeOf(y / CELLS) + latitudeOf((y + 1) / CELLS)) / 2;
  return [within(middleX, LONGITUDE_MAX), within(middleY, LATITUDE_MAX)];
}

/** The standard geohash of a place, whose rows go from pole to pole: 50 of its bits as ten characters, and a zero. */
export function geohashText(longitude: number, latitude: number): string {
  const { x, y } = cellAt(longitude, latitude, STEPS, 90);
  let text = "";
  for (let from = 2 * STEPS; from > 4; from -= 5) {
    let digit = 0;
    for (let bit = from - 1; bit >= from - 5; bit--) {
      const half = (bit & 1) === 0 ? y : x;
      digit = digit * 2 + ((half >>> (bit >>> 1)) & 1);
    }
    text += ALPHABET[digit];
  }
  return `${text}0`;
}

const ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz";

function longitudeOf(share: number): number {
  return -LONGITUDE_MAX + share * (2 * LONGITUDE_MAX);
}

function latitudeOf(share: number): number {
  return -LATITUDE_MAX + share * (2 * LATITUDE_MAX);
}

function within(degrees: number, max: number): number {
  return Math.max(-max, Math.min(max, degrees));
}

/** Bits of y and x in turn, of up to 27 each. Beyond 2^53 it is rounded to a double. */
function interleave(x: number, y: number): number {
  const high = spread(y >>> HALF_BITS) + 2 * spread(x >>> HALF_BITS);
  return high * 2 ** (2 * HALF_BITS) + spread(y & HALF_MASK) + 2 * spread(x & HALF_MASK);
}

/** Puts a zero before each of 16 bits. */
function spread(n: number): number {
  let bits = (n | (n << 8)) & 0x00ff00ff;
  bits = (bits | (bits << 4)) & 0x0f0f0f0f;
  bits = (bits | (bits << 2)) & 0x33333333;
  return (bits | (bits << 1)) & 0x55555555;
}

/** Takes every second one of 32 bits, the lowest included. */
function squeeze(word: number): number {
  let bits = word & 0x55555555;
  bits = (bits | (bits >>> 1)) & 0x33333333;
  bits = (bits | (bits >>> 2)) & 0x0f0f0f0f;
  bits = (bits | (bits >>> 4)) & 0x00ff00ff;
  return (bits | (bits >>> 8)) & 0xffff;
}
