/**
 * The small forms in which Redis keeps collections in one string. Each is walked from front to back; what one says of its own size or number of
 * elements is compared with what was found, and never believed.
 *
 *   listpack   [ bytes:4 | elements:2, 65535 = many | element* | 255 ]       element = [ encoding and data | their length, backwards ]
 *   ziplist    [ bytes:4 | last element:4 | elements:2 | element* | 255 ]    element = [ length of the one before: 1 or 5 | encoding and data ]
 *   intset     [ bytes of an integer:4, 2 4 8 | integers:4 | integer* ]
 *   zipmap     [ pairs:1 | (length, key, length, spare:1, value, spare bytes)* | 255 ]        length = 1 byte, or 254 and 4
 *
 * All little endian, but for lengths in a ziplist.
 */
import { RdbError } from "./errors.js";
import { RdbSource } from "./source.js";

/** Is told that the next element is in `source.buf`, `source.off` and `source.len`. */
export type ElementVisitor = (source: RdbSource) => void;

const END = 255;
const COUNT_UNKNOWN = 65535;
const ZIPLIST_LONG_BEFORE = 254;
const ZIPMAP_LONG = 254;
const INTSET_HEADER_BYTES = 8;

/** The last string of `holder` as a source of its own. */
function inside(holder: RdbSource): RdbSource {
  return new RdbSource(holder.buf, holder.off, holder.len);
}

/** Visits the elements of a listpack that is the last string of `holder`; returns how many. */
export function eachInListpack(holder: RdbSource, visit: ElementVisitor): number {
  const source = inside(holder);
  const total = source.u32();
  const said = source.u16();
  if (total !== holder.len) throw new RdbError(`a listpack of ${total} bytes in ${holder.len}`);
  let count = 0;
  for (; peek(source) !== END; count++) {
    const start = source.at;
    listpackElement(source);
    source.take(backlenBytes(source.at - start));
    visit(source);
  }
  finish(source, "listpack");
  requireSaid(said, count);
  return count;
}

function listpackElement(source: RdbSource): void {
  const first = source.u8();
  if (first < 0x80) source.text(String(first));
  else if (first < 0xc0) source.plain(first & 63);
  else if (first < 0xe0) source.text(String((((first & 31) << 27) >> 19) | source.u8()));
  else if (first < 0xf0) source.plain(((first & 15) << 8) | source.u8());
  else if (first === 0xf0) source.plain(source.u32());
  else if (first === 0xf1) source.integer(2);
  else if (first === 0xf2) source.integer(3);
  else if (first === 0xf3) source.integer(4);
  else if (first === 0xf4) source.integer(8);
  else throw new RdbError(`a listpack's element begins with ${first}`);
}

/** How many bytes the length of a listpack's element takes behind it. */
function backlenBytes(element: number): number {
  if (element < 128) return 1;
  if (element < 16384) return 2;
  if (element < 2097152) return 3;
  return element < 268435456 ? 4 : 5;
}

/** Visits the elements of a ziplist that is the last string of `holder`; returns how many. */
export function eachInZiplist(holder: RdbSource, visit: ElementVisitor): number {
  const source = inside(holder);
  const total = source.u32();
  source.take(4);
  const said = source.u16();
  if (total !== holder.len) throw new RdbError(`a ziplist of ${total} bytes in ${holder.len}`);
  let count = 0;
  for (; peek(source) !== END; count++) {
    if (source.u8() === ZIPLIST_LONG_BEFORE) source.take(4);
    ziplistElement(source);
    visit(source);
  }
  finish(source, "ziplist");
  requireSaid(said, count);
  return count;
}

function ziplistElement(source: RdbSource): void {
  const first = source.u8();
  if (first < 0x40) source.plain(first);
  else if (first < 0x80) source.plain(((first & 63) << 8) | source.u8());
  else if (first === 0x80) source.plain(source.u32be());
  else if (first === 0xc0) source.integer(2);
  else if (first === 0xd0) source.integer(4);
  else if (first === 0xe0) source.integer(8);
  else if (first === 0xf0) source.integer(3);
  else if (first === 0xfe) source.integer(1);
  else if (first > 0xf0 && first < 0xfe) source.text(String((first & 15) - 1));
  else throw new RdbError(`a ziplist's element begins with ${first}`);
}

/** Visits the elements of an intset that is the last string of `holder`; returns how many. */
export function eachInIntset(holder: RdbSource, visit: ElementVisitor): number {
  const source = inside(holder);
  const width = source.u32();
  const count = source.u32();
  if (width !== 2 && width !== 4 && width !== 8) throw new RdbError(`an intset of integers of ${width} bytes`);
  if (holder.len !== INTSET_HEADER_BYTES + width * count) throw new RdbError("an intset of another size than it says");
  for (let i = 0; i < count; i++) {
    source.integer(width);
    visit(source);
  }
  return count;
}

/** Visits the elements of a zipmap (a key, its value, ...) that is the last string of `holder`; returns how many. */
export function eachInZipmap(holder: RdbSource, visit: ElementVisitor): number {
  const source = inside(holder);
  source.take(1);
  let count = 0;
  for (; peek(source) !== END; count += 2) {
    source.plain(zipmapLength(source));
    visit(source);
    const length = zipmapLength(source);
    const spare = source.u8();
    source.plain(length);
    source.take(spare);
    visit(source);
  }
  finish(source, "zipmap");
  return count;
}

function zipmapLength(source: RdbSource): number {
  const first = source.u8();
  if (first > ZIPMAP_LONG) throw new RdbError("a zipmap ends between key and value");
  return first === ZIPMAP_LONG ? source.u32() : first;
}

function peek(source: RdbSource): number {
  if (source.at >= source.end) throw new RdbError("a collection without its end");
  return source.bytes[source.at];
}

function finish(source: RdbSource, what: string): void {
  source.take(1);
  if (source.at !== source.end) throw new RdbError(`bytes behind the end of a ${what}`);
}

function requireSaid(said: number, count: number): void {
  if (said !== COUNT_UNKNOWN && said !== count) throw new RdbError(`${count} elements where ${said} are said to be`);
}
