/**
 * Records as files.
 *
 *   jsonl   {"format":"hearthkv-export","version":1,"lastFence":0}
 *           {"db":0,"key":"k","type":"hash","expireAt":1700000000000,"value":[["field","value"]]}
 *           one a line; bytes that are not UTF-8 are {"base64":"..."}; expireAt (milliseconds since 1970) where there is one;
 *           "continues":true where the line brings more of the key before it
 *   bson    the same documents one behind the other; all bytes are binaries
 *   aof     commands as Redis logs them: SELECT, SET, RPUSH, SADD, HSET, ZADD, PEXPIREAT, APPEND; redis-server loads it as its append-only file;
 *           fencing tokens have no place in it
 */
import type { Described } from "@hearthkv/engine";
import { Binary, calculateObjectSize, serialize, setInternalBufferSize } from "bson";
import { DataError } from "./data-folder.js";
import type { DumpHeader, DumpRecord } from "./dump-records.js";
import { toJson } from "./json-values.js";

/** What a header begins with. */
export const FORMAT = "hearthkv-export";
export const VERSION = 1;
/** BSON's own buffer, beyond which it must be told the size. */
const BSON_BUFFER_BYTES = 16 * 1024 * 1024;

const KEY_SHOWN_BYTES = 100;

/** Turns records into bytes; one for each file. */
export interface DumpEncoder {
  header(header: DumpHeader): Buffer;
  record(record: DumpRecord): Buffer;
}

/** Makes an encoder. */
export const dumpEncoders = {
  jsonl: (): DumpEncoder => ({
    header: (header) => Buffer.from(`${JSON.stringify({ format: FORMAT, version: VERSION, ...header })}\n`),
    record: (record) => Buffer.from(`${jsonLine(record)}\n`),
  }),
  bson: (): DumpEncoder => ({
    header: (header) => encodeBson({ format: FORMAT, version: VERSION, ...header }),
    record: (record) => encodeBson(documentOf(record, toBson)),
  }),
  aof: (): DumpEncoder => {
    let db = -1;
    return {
      header: () => Buffer.alloc(0),
      record: (record) => {
        const commands: Buffer[][] = record.db === db ? [] : [[Buffer.from("SELECT"), Buffer.from(String(record.db))]];
        db = record.db;
        commands.push(commandOf(record));
        if (record.expireAt !== 0 && !record.continues) {
          commands.push([Buffer.from("PEXPIREAT"), record.key, Buffer.from(String(record.expireAt))]);
        }
        return Buffer.concat(commands.map(encodeCommand));
      },
    };
  },
} as const;

function documentOf(record: DumpRecord, bytes: (value: Described) => unknown): Record<string, unknown> {
  const { db, key, type, expireAt, continues, value } = record;
  const optional = { ...(expireAt === 0 ? {} : { expireAt }), ...(continues ? { continues } : {}) };
  return { db, key: bytes(key), type, ...optional, value: bytes(value) };
}

/** Throws DataError where the line would be longer than a JavaScript string can be. */
function jsonLine(record: DumpRecord): string {
  try {
    return JSON.stringify(documentOf(record, toJson));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (!(error instanceof RangeError) && code !== "ERR_STRING_TOO_LONG") throw error;
    const name = JSON.stringify(record.key.toString("utf8", 0, KEY_SHOWN_BYTES));
    throw new DataError(`an element of ${name} is too long for a JSON line: --format bson or aof takes it`);
  }
}

function toBson(value: Described): unknown {
  if (Buffer.isBuffer(value)) return new Binary(new Uint8Array(value));
  return typeof value === "object" ? (value as readonly Described[]).map(toBson) : value;
}

function encodeBson(document: Record<string, unknown>): Buffer {
  const bytes = calculateObjectSize(document);
  if (bytes > BSON_BUFFER_BYTES) setInternalBufferSize(bytes);
  return Buffer.from(serialize(document));
}

function commandOf({ type, key, continues, value }: DumpRecord): Buffer[] {
  if (Buffer.isBuffer(value)) return [Buffer.from(continues ? "APPEND" : "SET"), key, value];
  const elements = value as readonly Described[];
  const name = { list: "RPUSH", set: "SADD", hash: "HSET", zset: "ZADD" }[type];
  if (name === undefined)
    throw new DataError(`there is no command that writes a ${type}: --format jsonl or bson takes it`);
  // A sorted set's pairs are [member, score]; ZADD takes the score first.
  const parts = elements.flatMap((element) => {
    if (Buffer.isBuffer(element)) return [element];
    const pair = (element as readonly Described[]).map(commandPart);
    return type === "zset" ? pair.reverse() : pair;
  });
  return [Buffer.from(name), key, ...parts];
}

function commandPart(value: Described): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === "number" && !Number.isFinite(value)) return Buffer.from(value > 0 ? "inf" : "-inf");
  return Buffer.from(String(value));
}

function encodeCommand(parts: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [Buffer.from(`*${parts.length}\r\n`)];
  for (const part of parts) pieces.push(Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n"));
  return Buffer.concat(pieces);
}
