/** What a client may send before the connection is closed. All texts and numbers are those of Redis. */

/** Limits of one decoder. The object is read at every request, so it may be shared and changed while serving. */
export interface DecoderLimits {
  /** Longest argument in bytes (Redis: proto-max-bulk-len, 512 MB). */
  readonly maxBulkBytes: number;
  /** Most arguments of one request (Redis: INT_MAX). */
  readonly maxArgs: number;
  /** Longest inline request or length line in bytes (Redis: 64 KB). */
  readonly maxInlineBytes: number;
  /** Most bytes kept for one connection (Redis: client-query-buffer-limit, 1 GB). Values above 2 GB count as 2 GB. */
  readonly maxQueryBytes: number;
  /** No password is required: every client may send as much as one that has authenticated. */
  readonly open: boolean;
}

/** The defaults of redis-server, for a server without password. */
export const defaultLimits: DecoderLimits = {
  maxBulkBytes: 512 * 1024 * 1024,
  maxArgs: 2_147_483_647,
  maxInlineBytes: 65_536,
  maxQueryBytes: 1024 * 1024 * 1024,
  open: true,
};

/** Most arguments of a request before the client has authenticated. */
export const MAX_ARGS_UNAUTHENTICATED = 10;
/** Longest argument in bytes before the client has authenticated. */
export const MAX_BULK_BYTES_UNAUTHENTICATED = 16_384;
/** Most bytes kept for a connection before the client has authenticated. */
export const MAX_QUERY_BYTES_UNAUTHENTICATED = 1024 * 1024;
/** Offsets are Int32, so no request can be longer than this many bytes. */
export const MAX_QUERY_BYTES_HARD = 0x7fff_ffff;

/** Error replies of the decoder; the connection closes after each of them. */
export const protocolErrors = {
  multibulkLength: "ERR Protocol error: invalid multibulk length",
  bulkLength: "ERR Protocol error: invalid bulk length",
  unauthenticatedMultibulk: "ERR Protocol error: unauthenticated multibulk length",
  unauthenticatedBulk: "ERR Protocol error: unauthenticated bulk length",
  bigMultibulkLine: "ERR Protocol error: too big mbulk count string",
  bigBulkLine: "ERR Protocol error: too big bulk count string",
  bigInline: "ERR Protocol error: too big inline request",
  unbalancedQuotes: "ERR Protocol error: unbalanced quotes in request",
  /** @param byte the first byte of the line that should have been a bulk header; sent back as it came. */
  expectedBulk: (byte: number): string => `ERR Protocol error: expected '$', got '${String.fromCharCode(byte)}'`,
} as const;

/** Log lines of the cases in which Redis closes a connection without a reply. */
export const silentCloses = {
  httpRequest:
    "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to this server. " +
    "This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your instance. Connection aborted.",
  queryBuffer: "Closing client that reached max query buffer length",
} as const;
