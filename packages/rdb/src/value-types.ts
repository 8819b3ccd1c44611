/** The byte before a value that says what it is and how it is written (rdb.h of Redis and Valkey). */
export const RDB_STRING = 0;
export const RDB_LIST = 1;
export const RDB_SET = 2;
/** Scores as text. */
export const RDB_ZSET = 3;
export const RDB_HASH = 4;
/** Scores as doubles. */
export const RDB_ZSET_2 = 5;
export const RDB_MODULE_PRE_GA = 6;
export const RDB_MODULE_2 = 7;
export const RDB_HASH_ZIPMAP = 9;
export const RDB_LIST_ZIPLIST = 10;
export const RDB_SET_INTSET = 11;
export const RDB_ZSET_ZIPLIST = 12;
export const RDB_HASH_ZIPLIST = 13;
/** Nodes are ziplists. */
export const RDB_LIST_QUICKLIST = 14;
export const RDB_STREAM = 15;
export const RDB_HASH_LISTPACK = 16;
export const RDB_ZSET_LISTPACK = 17;
/** Nodes are listpacks, or single elements. */
export const RDB_LIST_QUICKLIST_2 = 18;
export const RDB_STREAM_2 = 19;
export const RDB_SET_LISTPACK = 20;
export const RDB_STREAM_3 = 21;
/** Valkey 9: fields with expiry. (Before Redis 7.4 was released it was something else there.) */
export const RDB_HASH_VALKEY = 22;
/** Redis 7.4: fields with expiry, in a table and in a listpack. */
export const RDB_HASH_EXPIRIES = 24;
export const RDB_HASH_LISTPACK_EXPIRIES = 25;
