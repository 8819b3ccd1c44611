/** The rows of value-types.ts, and what becomes of codes that have none. */
import { expect, it } from "vitest";
import { Keyspace, TYPE_LIST, TYPE_SET, UnknownCodeError } from "../../src/index.js";
import { ByteSink } from "../../src/types/byte-sink.js";
import { TYPE_HASH, TYPE_NONE, TYPE_STRING, TYPE_ZSET } from "../../src/types/type-codes.js";
import { describeValue, typeCode, typeName, valueType } from "../../src/types/value-types.js";

const CODES = [TYPE_STRING, TYPE_LIST, TYPE_SET, TYPE_ZSET, TYPE_HASH];
const newKeyspace = () => new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });

it.each(CODES)("type %i: the row has its code, and its name leads back to it", (code) => {
  const row = valueType(code);
  expect(row.code).toBe(code);
  expect(typeCode(row.name)).toBe(code);
  expect(typeName(code)).toBe(row.name);
  expect(row.make(newKeyspace()).type).toBe(code);
});

it("a key that is not there is of type none", () => {
  expect(typeName(TYPE_NONE)).toBe("none");
  expect(typeCode("none")).toBe(TYPE_NONE);
  expect(typeCode("stream")).toBe(-1);
});

/** Control: a row that is taken for the last one where there is none. */
it.each([6, 7, 255, -1])("a type with the code %i is a newer version's", (code) => {
  expect(() => valueType(code)).toThrow(UnknownCodeError);
  expect(() => typeName(code)).toThrow(UnknownCodeError);
  expect(() => describeValue(code, new Uint8Array(4), 0, 4)).toThrow(`unknown type ${code}`);
  const db = newKeyspace().db(0);
  const key = Buffer.from("key");
  expect(() => db.restore(key, 0, 3, code, 0, new Uint8Array(4), 0, 4)).toThrow(UnknownCodeError);
  expect(() => db.extendValue(key, 0, 3, code, new Uint8Array(4), 0, 4)).toThrow(UnknownCodeError);
  expect(db.keys.size).toBe(0);
});

/** Control: without the look at the type, a slice of a set lengthens the list. */
it("more of a value of another type is refused", () => {
  const db = newKeyspace().db(0);
  const key = Buffer.from("key");
  const slice = new ByteSink();
  slice.u32(1);
  slice.blob(key, 0, 3);
  db.restore(key, 0, 3, TYPE_LIST, 0, slice.bytes, 0, slice.length);
  expect(() => db.extendValue(key, 0, 3, TYPE_SET, slice.bytes, 0, slice.length)).toThrow("more of a set");
  db.keys.lookup(key, 0, 3);
  expect(db.found.size).toBe(1);
});
