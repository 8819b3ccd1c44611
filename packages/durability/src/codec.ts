import { type Document, deserialize, serialize } from "bson";

/** How entries become bytes and come back. `decode(encode(entry))` must equal `entry`; either may throw what it likes. */
export interface Codec<T> {
  /** The bytes belong to the log: they must not change any more. */
  encode(entry: T): Uint8Array;
  /** The bytes belong to the receiver. */
  decode(bytes: Uint8Array): T;
}

/**
 * One BSON document per entry: objects of numbers, strings, booleans, null, dates, arrays, objects and the classes of the `bson` package.
 * (A `Uint8Array` comes back as `Binary`, `undefined` as null; integers above 2^31 as doubles, exact to 2^53.) A document has at most 16 MB
 * unless a larger buffer is set with `bson.setInternalBufferSize`.
 */
export function bsonCodec<T extends Document>(): Codec<T> {
  return {
    encode: (entry) => serialize(entry),
    // The caller says what it wrote: the log gives it back byte for byte.
    decode: (bytes) => deserialize(bytes) as T,
  };
}
