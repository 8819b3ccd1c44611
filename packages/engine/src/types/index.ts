import type { HashValue } from "./hash.js";
import type { ListValue } from "./list.js";
import type { SetValue } from "./set.js";
import type { StringValue } from "./string-value.js";
import type { ZsetValue } from "./zset.js";

export { ByteSink, ByteSource } from "./byte-sink.js";
export type { ByteVisitor, Collection } from "./collection.js";
export { HashValue, type PairVisitor } from "./hash.js";
export { ListValue } from "./list.js";
export { SIDE_HEAD, SIDE_TAIL } from "./list-blocks.js";
export { lengthAt, lengthBytes } from "./list-entries.js";
export { PackedLimits } from "./packed.js";
export { SetValue } from "./set.js";
export { StringValue } from "./string-value.js";
export { TYPE_HASH, TYPE_LIST, TYPE_NONE, TYPE_SET, TYPE_STRING, TYPE_ZSET, UnknownCodeError } from "./type-codes.js";
export { type ScoreVisitor, ZsetValue } from "./zset.js";

/** Any value that does not lie in its record; `type` tells which. */
export type AnyValue = RestingValue | StringValue;
/** Those of them that can rest. */
export type RestingValue = HashValue | ListValue | SetValue | ZsetValue;
