/** A value as plain data, for the tests. */
import { type RdbSource, readValue, type ValueKind } from "../src/index.js";

export interface ReadValue {
  kind: ValueKind | "";
  elements: (string | number)[];
  expiries: number[];
}

/** Reads type byte and value. Throws what readValue throws. */
export function readAll(source: RdbSource): ReadValue {
  const read: ReadValue = { kind: "", elements: [], expiries: [] };
  const text = (buf: Uint8Array, off: number, len: number) =>
    Buffer.from(buf.subarray(off, off + len)).toString("latin1");
  readValue(source.u8(), source, {
    begin: (kind) => {
      read.kind = kind;
    },
    element: (buf, off, len) => read.elements.push(text(buf, off, len)),
    scored: (buf, off, len, score) => read.elements.push(text(buf, off, len), score),
    fieldExpiry: (atMs) => read.expiries.push(atMs),
  });
  return read;
}
