/**
 * Operation codes of logged mutations. 1-10 are fixed for ever by the log's contract; the rest are ours and only ever grow.
 * They are part of the on-disk format: never renumber. What each of them is, is a row in operations.ts.
 */
export const OP_SET = 1;
export const OP_DELETE = 2;
export const OP_INCR = 3;
export const OP_DECR = 4;
export const OP_MSET = 5;
export const OP_MDEL = 6;
export const OP_SETNX = 7;
export const OP_LOCK = 8;
export const OP_UNLOCK = 9;
export const OP_EXTEND_LOCK = 10;
/** Several mutations of one command or one MULTI/EXEC, replayed all or none. */
export const OP_BATCH = 11;
export const OP_EXPIRE = 12;
export const OP_APPEND = 13;
export const OP_SETRANGE = 14;
export const OP_RESTORE = 15;
export const OP_FLUSH = 16;
/** Two keys by their names, without the value: since format version 2. */
export const OP_RENAME = 17;
export const OP_COPY = 18;
/** Moves a key to another database, by its name: since format version 3, as OP_SWAP. */
export const OP_MOVE = 19;
export const OP_HASH_SET = 20;
export const OP_HASH_DELETE = 21;
export const OP_LIST_PUSH = 30;
export const OP_LIST_POP = 31;
export const OP_LIST_SET = 32;
export const OP_LIST_INSERT = 33;
export const OP_LIST_REMOVE = 34;
export const OP_SET_ADD = 40;
export const OP_SET_REMOVE = 41;
export const OP_ZSET_ADD = 50;
export const OP_ZSET_REMOVE = 51;
export const OP_ZSET_REMOVE_RANKS = 52;
/** Two databases exchange what they hold. */
export const OP_SWAP = 60;
/** Bytes of a string in the place of others, and strings combined bit by bit, by their names: since format version 3. */
export const OP_SPLICE = 70;
export const OP_BITOP = 71;
