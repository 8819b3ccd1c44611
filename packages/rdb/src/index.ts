/** Redis's serialization of values: RDB's bytes in, elements out; and the pieces of which such bytes are written. */
export { Crc64 } from "./crc64.js";
export { RdbError, UnsupportedValueError } from "./errors.js";
export { FOOTER_BYTES, openPayload, putFooter, RDB_VERSION } from "./payload.js";
export { readValue, type ValueKind, type ValueVisitor } from "./read-value.js";
export { RdbSource } from "./source.js";
export { RDB_HASH, RDB_LIST, RDB_SET, RDB_STRING, RDB_ZSET_2 } from "./value-types.js";
export { LENGTH_BYTES_MAX, putLength } from "./write-value.js";
