/** The data: sharded keyspace, values, log effects, snapshot copies. It knows no files, sockets, threads or clocks. */
export * from "./bits.js";
export type { BuiltSet, BuiltZset } from "./built-members.js";
export { compareBytes, copyBytes } from "./copy-bytes.js";
export { Database, RepeatedElementError } from "./database.js";
export {
  type DescribedEntry,
  describeEntries,
  describeMutations,
} from "./describe.js";
export { EFFECT_HEADROOM_BYTES, EffectLog, EntryTooLargeError } from "./effects.js";
export { WRONG_TYPE } from "./found-collection.js";
export type { KeyHashes } from "./key-hashes.js";
export { type KeyVisitor, SHARDS } from "./key-store.js";
export {
  DATABASES,
  Keyspace,
  type KeyspaceOptions,
} from "./keyspace.js";
export type { MemberSource, MemberVisitor } from "./member-source.js";
export type { ReleaseBuffer } from "./memory.js";
export type { DescribedMutation } from "./operations.js";
export * from "./ops.js";
export { KEY_BYTES_MAX, STRING_BYTES_MAX } from "./record.js";
export { type Aggregate, higherScore, lowerScore, sumOfScores } from "./set-algebra.js";
export type { Shard } from "./shard.js";
export { BLOCK_BYTES, diskEntries, encodeInlineEntries, type ShardCapture, snapshotEntriesEnd } from "./snapshot.js";
export type { SnapshotFront } from "./snapshot-front.js";
export type { KeyspaceObserver, KeyspaceStats } from "./store-home.js";
export * from "./types/index.js";
export { type Described, describeValue, typeCode, typeName } from "./types/value-types.js";
export { ZADD_GT, ZADD_LT, ZADD_NX, ZADD_XX, zaddAllows } from "./zset-store.js";
