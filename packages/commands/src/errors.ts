/**
 * Every error reply that a command can give, in the words of Redis 7.2 where Redis has words for it. Clients match on these texts.
 * A text has no leading "-" and no line end; the reply writer adds both, and makes spaces of CR and LF inside user bytes.
 * User bytes in a text are latin1 strings.
 */
import type { Request } from "@hearthkv/resp";

/** Bytes of a command name, and of its arguments together, that an "unknown command" error repeats. */
const ECHO_BYTES_MAX = 128;

/** Fixed texts. */
export const ERR = {
  // any command
  syntax: "ERR syntax error",
  wrongType: "WRONGTYPE Operation against a key holding the wrong kind of value",
  notInteger: "ERR value is not an integer or out of range",
  notFloat: "ERR value is not a valid float",
  outOfRange: "ERR value is out of range",
  mustBePositive: "ERR value is out of range, must be positive",
  noSuchKey: "ERR no such key",
  sameObject: "ERR source and destination objects are the same",
  dbOutOfRange: "ERR DB index is out of range",
  firstDbIndex: "ERR invalid first DB index",
  secondDbIndex: "ERR invalid second DB index",
  invalidCursor: "ERR invalid cursor",
  noValuesNotHash: "ERR NOVALUES option can only be used in HSCAN",
  indexOutOfRange: "ERR index out of range",
  noKeyArguments: "ERR The command has no key arguments",
  numKeysNotPositive: "ERR numkeys should be greater than 0",
  tooManyNumKeys: "ERR Number of keys can't be greater than number of args",
  limitNegative: "ERR LIMIT can't be negative",
  countNotPositive: "ERR count should be greater than 0",
  // lists
  rankZero:
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
  countNegative: "ERR COUNT can't be negative",
  maxLenNegative: "ERR MAXLEN can't be negative",
  // serialized values
  busyKey: "BUSYKEY Target key name already exists.",
  badData: "ERR Bad data format",
  wrongPayload: "ERR DUMP payload version or checksum are wrong",
  invalidTtl: "ERR Invalid TTL value, must be >= 0",
  invalidIdleTime: "ERR Invalid IDLETIME value, must be >= 0",
  migrateKeyAndKeys: "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
  invalidFreq: "ERR Invalid FREQ value, must be >= 0 and <= 255",
  sortNotDouble: "ERR One or more scores can't be converted into double",
  // strings
  overflow: "ERR increment or decrement would overflow",
  decrementOverflow: "ERR decrement would overflow",
  nanOrInfinity: "ERR increment would produce NaN or Infinity",
  valueNanOrInfinity: "ERR value is NaN or Infinity",
  hashNotInteger: "ERR hash value is not an integer",
  hashNotFloat: "ERR hash value is not a float",
  lcsNotStrings: "ERR The specified keys must contain string values",
  lcsLengthAndRanges: "ERR If you want both the length and indexes, please just use IDX.",
  lcsTooLarge: "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
  stringTooLong: "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
  offsetOutOfRange: "ERR offset is out of range",
  lfuNotSelected:
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
  // bitmaps
  bitOffset: "ERR bit offset is not an integer or out of range",
  bitValue: "ERR bit is not an integer or out of range",
  bitArgument: "ERR The bit argument must be 1 or 0.",
  bitopNot: "ERR BITOP NOT must be called with a single source key.",
  fieldType: "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
  overflowType: "ERR Invalid OVERFLOW type specified",
  fieldReadOnly: "ERR BITFIELD_RO only supports the GET subcommand",
  // HyperLogLog
  notHyperLogLog: "WRONGTYPE Key is not a valid HyperLogLog string value.",
  corruptHyperLogLog: "INVALIDOBJ Corrupted HLL object detected",
  noHyperLogLog: "ERR The specified key does not exist",
  notSparse: "ERR HLL encoding is not sparse",
  // geo
  geoUnit: "ERR unsupported unit provided. please use M, KM, FT, MI",
  geoMember: "ERR could not decode requested zset member",
  geoRadius: "ERR need numeric radius",
  geoRadiusNegative: "ERR radius cannot be negative",
  geoWidth: "ERR need numeric width",
  geoHeight: "ERR need numeric height",
  geoBoxNegative: "ERR height or width cannot be negative",
  geoCount: "ERR COUNT must be > 0",
  geoAny: "ERR the ANY argument requires COUNT argument",
  geoVertices: "ERR invalid number of vertices",
  geoTooFewVertices: "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices",
  // expiry
  expireNxAndOthers: "ERR NX and XX, GT or LT options at the same time are not compatible",
  expireGtAndLt: "ERR GT and LT options at the same time are not compatible",
  // blocking
  timeoutNegative: "ERR timeout is negative",
  timeoutNotFloat: "ERR timeout is not a float or out of range",
  timeoutNotInteger: "ERR timeout is not an integer or out of range",
  timeoutOutOfRange: "ERR timeout is out of range",
  // sorted sets
  minMaxNotFloat: "ERR min or max is not a float",
  minMaxNotLex: "ERR min or max not valid string range item",
  zaddXxAndNx: "ERR XX and NX options at the same time are not compatible",
  zaddGtLtNx: "ERR GT, LT, and/or NX options at the same time are not compatible",
  zaddIncrPairs: "ERR INCR option supports a single increment-element pair",
  weightNotFloat: "ERR weight value is not a float",
  scoreNan: "ERR resulting score is not a number (NaN)",
  zrangeLimit: "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
  zrangeLexScores: "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
  // connection
  noAuth: "NOAUTH Authentication required.",
  noAuthHello:
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
  wrongPassword: "WRONGPASS invalid username-password pair or user is disabled.",
  noPasswordSet:
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
  protocolVersionNotInteger: "ERR Protocol version is not an integer or out of range",
  noProtocol: "NOPROTO unsupported protocol version",
  clientName: "ERR Client names cannot contain spaces, newlines or special characters.",
  clientId: "ERR client-id should be greater than 0",
  invalidClientId: "ERR Invalid client ID",
  noSuchClient: "ERR No such client",
  unblockReason: "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
  unblocked: "UNBLOCKED client unblocked via CLIENT UNBLOCK",
  clusterDisabled: "ERR This instance has cluster support disabled",
  maxClients: "ERR max number of clients reached",
  // server
  loading: "LOADING Redis is loading the dataset in memory",
  noConfigFile: "ERR The server is running without a config file",
  monitorDenied: "ERR MONITOR isn't allowed for DENY BLOCKING client",
  monitorKeyspace: "ERR Replica can't interact with the keyspace",
  commandLogCount: "ERR count should be greater than or equal to -1",
  commandLogType: "ERR type should be one of the following: slow, large-request, large-reply",
  saveInProgress: "ERR Background save already in progress",
  noShutdown: "ERR No shutdown in progress.",
  shutdownFailed: "ERR Errors trying to SHUTDOWN. Check logs.",
  shutdownNeedsNow: "ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client",
  waitAofDisabled: "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
  debugDisabled:
    'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
  debugReloadOptions: "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
  invalidCommand: "ERR Invalid command specified",
  invalidArguments: "ERR Invalid arguments specified for command",
  invalidArgumentCount: "ERR Invalid number of arguments specified for command",
  outOfMemory: "OOM command not allowed when used memory > 'maxmemory'.",
  // transactions
  nestedMulti: "ERR MULTI calls can not be nested",
  execWithoutMulti: "ERR EXEC without MULTI",
  discardWithoutMulti: "ERR DISCARD without MULTI",
  watchInsideMulti: "ERR WATCH inside MULTI is not allowed",
  notInMulti: "ERR Command not allowed inside a transaction",
  /** Ours. What one command changes, or a whole transaction, is one entry of the log. @param bytesMax what it may hold */
  changeTooLarge: (bytesMax: number): string =>
    `ERR nothing was changed: the log takes ${bytesMax} bytes at most of what one command, or all of a transaction, changes`,
  /** Ours: more was queued than a transaction may hold. */
  transactionTooLarge: "ERR the transaction is too large",
  /** Ours: Redis takes keys of up to 512 MB. */
  keyTooLong: "ERR key is longer than 67108863 bytes",
  execAbort: "EXECABORT Transaction discarded because of previous errors.",
} as const;

/** `name` as in a row: "get", "config|get". */
export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

/** SET, SETEX, GETEX, EXPIRE, ...: a time that is not positive or overflows. `name` as in a row. */
export function invalidExpire(name: string): string {
  return `ERR invalid expire time in '${name}' command`;
}

/** BITOP with an operation that takes two strings or more. */
export function bitopSources(operation: string): string {
  return `ERR BITOP ${upperAscii(operation)} must be called with at least two source keys.`;
}

/** A place beyond the limits, with C's %f. */
export function invalidPlace(longitude: number, latitude: number): string {
  return `ERR invalid longitude,latitude pair ${sixDecimals(longitude)},${sixDecimals(latitude)}`;
}

function sixDecimals(x: number): string {
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (Object.is(x, -0)) return "-0.000000";
  return Math.abs(x) < 1e21 ? x.toFixed(6) : `${BigInt(x)}.000000`;
}

/** GEORADIUS with STORE, or GEOSEARCHSTORE, with what only a reply can have. */
export function geoStoreOptions(what: string): string {
  return `ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`;
}

/** GEOSEARCH and GEOSEARCHSTORE without something. `name` as the client wrote it. */
export function geoOneOf(options: string, name: string): string {
  return `ERR exactly one of ${options} can be specified for ${echoed(name)}`;
}

/** PFDEBUG. */
export function unknownHllSubcommand(name: string): string {
  return `ERR Unknown PFDEBUG subcommand '${echoed(name)}'`;
}

/** ZUNION and its kin: a number of keys below 1. `name` as in a row. */
export function noInputKey(name: string): string {
  return `ERR at least 1 input key is needed for '${name}' command`;
}

/** LATENCY GRAPH of an event that has not happened. */
export function latencyNoSamples(event: string): string {
  return `ERR No samples available for event '${echoed(event)}'`;
}

/** EXPIRE and its kin. `option` is latin1 as the client sent it. */
export function unsupportedOption(option: string): string {
  return `ERR Unsupported option ${echoed(option)}`;
}

/** Ours: a payload of a kind that Redis has. */
export function unsupportedValue(what: string): string {
  return `${ERR.badData}: ${what} is not supported`;
}

/** An integer outside [min, max]. */
export function outsideRange(min: number | bigint, max: number | bigint): string {
  return `ERR value is out of range, value must between ${min} and ${max}`;
}

/** HELLO with an option it does not know or that lacks its value. */
export function helloOption(option: string): string {
  return `ERR Syntax error in HELLO option '${echoed(option)}'`;
}

/** CLIENT SETINFO with an attribute it does not know. */
export function unrecognizedOption(option: string): string {
  return `ERR Unrecognized option '${echoed(option)}'`;
}

/** CLIENT SETINFO: a value with spaces or control characters. `attribute` as the client sent it. */
export function invalidAttribute(attribute: string): string {
  return `ERR ${echoed(attribute)} cannot contain spaces, newlines or special characters.`;
}

/** CLIENT LIST and CLIENT KILL: TYPE. */
export function unknownClientType(type: string): string {
  return `ERR Unknown client type '${echoed(type)}'`;
}

/** CLIENT KILL: USER. */
export function noSuchUser(user: string): string {
  return `ERR No such user '${echoed(user)}'`;
}

/** A RESP2 connection in subscriber mode runs only a few commands. `name` as in a row. */
export function subscriberContext(name: string): string {
  return `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
}

/** What may not run in a transaction, though it can be queued. `name` in capitals. */
export function denyBlockingClient(name: string): string {
  return `ERR ${name} isn't allowed for a DENY BLOCKING client`;
}

/** No such command. The request's own bytes are repeated, cut to a limit. */
export function unknownCommand(request: Request): string {
  const name = echoed(request.str(0), ECHO_BYTES_MAX);
  let args = "";
  for (let i = 1; i < request.argc && args.length < ECHO_BYTES_MAX; i++) {
    args += `'${echoed(request.str(i), ECHO_BYTES_MAX - args.length)}' `;
  }
  return `ERR unknown command '${name}', with args beginning with: ${args}`;
}

/** No such subcommand of a command that has some. `container` in lower case. */
export function unknownSubcommand(container: string, subcommand: string): string {
  return `ERR unknown subcommand '${echoed(subcommand, ECHO_BYTES_MAX)}'. Try ${upperAscii(container)} HELP.`;
}

/** The older form of the same, which DEBUG and PUBSUB still give. */
export function unknownSubcommandOrArity(container: string, subcommand: string): string {
  const cut = echoed(subcommand, ECHO_BYTES_MAX);
  return `ERR unknown subcommand or wrong number of arguments for '${cut}'. Try ${upperAscii(container)} HELP.`;
}

/** A client's text as errors repeat it: cut to a limit, and at a zero byte, where Redis's own strings end. */
function echoed(text: string, bytesMax = text.length): string {
  const end = text.indexOf("\0");
  return text.slice(0, end < 0 ? bytesMax : Math.min(end, bytesMax));
}

/** Only a-z: Unicode case mapping has no business in the protocol. */
export function upperAscii(text: string): string {
  return text.replace(/[a-z]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 32));
}

/** Only A-Z. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 32));
}
