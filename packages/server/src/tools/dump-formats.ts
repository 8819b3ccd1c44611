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
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Described } from "@hearthkv/engine";
import { Binary, calculateObjectSize, deserialize, serialize, setInternalBufferSize } from "bson";
import { DataError } from "./data-folder.js";
import type { DumpHeader, DumpRecord } from "./dump-records.js";
import { bytesFromJson, toJson } from "./json-values.js";

const FORMAT = "hearthkv-export";
const VERSION = 1;
/** BSON's own buffer, beyond which it must be told the size. */
const BSON_BUFFER_BYTES = 16 * 1024 * 1024;
const BSON_LENGTH_BYTES = 4;

/** Turns records into bytes; one for each file. */
export interface DumpEncoder {
  header(header: DumpHeader): Buffer;
  record(record: DumpRecord): Buffer;
}

/** Makes an encoder. */
export const dumpEncoders = {
  jsonl: (): DumpEncoder => ({
    header: (header) => Buffer.from(`${JSON.stringify({ format: FORMAT, version: VERSION, ...header })}\n`),
    record: (record) => Buffer.from(`${JSON.stringify(documentOf(record, toJson))}\n`),
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
  const name = { list: "RPUSH", set: "SADD", hash: "HSET", zset: "ZADD" }[type] ?? "";
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

/** Reads a file of records: gives its header, then the records. Throws DataError, also for what these throw, naming line or offset. */
export async function readDump(
  file: string,
  format: "jsonl" | "bson",
  onHeader: (header: DumpHeader) => void,
  onRecord: (record: DumpRecord) => void,
): Promise<void> {
  const documents = format === "jsonl" ? jsonDocuments(file) : bsonDocuments(file);
  const bytes = format === "jsonl" ? bytesFromJson : bytesFromBson;
  let isFirst = true;
  for await (const { where, document } of documents) {
    try {
      if (isFirst) onHeader(headerOf(document));
      else onRecord(recordOf(document, bytes));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new DataError(`${file}, ${where}: ${error.message}`);
    }
    isFirst = false;
  }
  if (isFirst) throw new DataError(`${file} is empty`);
}

/** Reads bytes in the way of a format; null where the value holds none. */
type BytesReader = (value: unknown) => Buffer | null;

interface Placed {
  readonly where: string;
  readonly document: Record<string, unknown>;
}

async function* jsonDocuments(file: string): AsyncGenerator<Placed> {
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    const where = `line ${++line}`;
    if (text === "") continue;
    yield { where, document: decoded(file, where, () => JSON.parse(text)) };
  }
}

async function* bsonDocuments(file: string): AsyncGenerator<Placed> {
  let held = Buffer.alloc(0);
  let offset = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    held = Buffer.concat([held, chunk as Buffer]);
    while (held.length >= BSON_LENGTH_BYTES && held.length >= held.readUInt32LE(0)) {
      const length = Math.max(held.readUInt32LE(0), BSON_LENGTH_BYTES);
      const where = `offset ${offset}`;
      const bytes = held.subarray(0, length);
      yield { where, document: decoded(file, where, () => deserialize(bytes)) };
      held = held.subarray(length);
      offset += length;
    }
  }
  if (held.length > 0) throw new DataError(`${file}, offset ${offset}: the file ends inside a document`);
}

function decoded(file: string, where: string, decode: () => unknown): Record<string, unknown> {
  try {
    const document = decode();
    if (typeof document === "object" && document !== null) return document as Record<string, unknown>;
  } catch (error) {
    throw new DataError(`${file}, ${where}: ${(error as Error).message}`);
  }
  throw new DataError(`${file}, ${where}: not an object`);
}

function headerOf({ format, version, lastFence }: Record<string, unknown>): DumpHeader {
  if (format !== FORMAT || typeof version !== "number")
    throw new DataError(`does not begin with the format "${FORMAT}"`);
  if (version > VERSION) throw new DataError(`written by a newer version (format ${version})`);
  return { lastFence: typeof lastFence === "number" ? lastFence : 0 };
}

function recordOf(document: Record<string, unknown>, bytes: BytesReader): DumpRecord {
  const { db, type, expireAt = 0, continues = false } = document;
  const key = bytes(document.key);
  if (typeof db !== "number" || typeof type !== "string" || key === null)
    throw new DataError("db, key or type is missing");
  if (typeof expireAt !== "number" || !Number.isSafeInteger(expireAt) || expireAt < 0) {
    throw new DataError("expireAt must be milliseconds since 1970");
  }
  return { db, key, type, expireAt, continues: continues === true, value: contentOf(type, document.value, bytes) };
}

function contentOf(type: string, value: unknown, bytes: BytesReader): Described {
  if (!Array.isArray(value)) return required(bytes(value));
  return value.map((element) => {
    if (!Array.isArray(element)) return required(bytes(element));
    // Of a sorted set the second part is a score; JSON has no infinite numbers.
    return element.map((part, i) => (type === "zset" && i === 1 ? scoreOf(part) : required(bytes(part))));
  });
}

function scoreOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (value === "inf" || value === "-inf") return value === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  throw new DataError("a score must be a number");
}

function required(bytes: Buffer | null): Buffer {
  if (bytes !== null) return bytes;
  throw new DataError("a value holds neither text nor bytes");
}

function bytesFromBson(value: unknown): Buffer | null {
  return value instanceof Binary ? Buffer.from(value.value()) : null;
}
