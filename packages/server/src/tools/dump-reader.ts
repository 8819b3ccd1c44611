/** Reads what `dump-formats.ts` writes. Every field is what it must be, or the file is refused with the place: nothing is guessed or left out. */
import { constants, isUtf8 } from "node:buffer";
import { createReadStream, statSync } from "node:fs";
import type { Described } from "@hearthkv/engine";
import { Binary, deserialize } from "bson";
import { DataError } from "./data-folder.js";
import { FORMAT, VERSION } from "./dump-formats.js";
import type { DumpHeader, DumpRecord } from "./dump-records.js";
import { bytesFromJson } from "./json-values.js";

const READ_BYTES = 1024 * 1024;
const LF = 10;
const BSON_LENGTH_BYTES = 4;
/** Length and the closing zero. */
const BSON_BYTES_MIN = 5;
/** Tokens are milliseconds since 1970, or a little more; behind this one as many would follow before whole numbers end. */
const LAST_FENCE_MAX = 2 ** 52;

/** Reads a file of records: gives its header, then the records. Throws DataError, also for what these throw, naming line or offset. */
export async function readDump(
  file: string,
  format: "jsonl" | "bson",
  onHeader: (header: DumpHeader) => void,
  onRecord: (record: DumpRecord) => void,
): Promise<void> {
  const documents = format === "jsonl" ? jsonDocuments(file) : bsonDocuments(file);
  const forms = format === "jsonl" ? jsonForms : bsonForms;
  let isFirst = true;
  for await (const { where, document } of documents) {
    try {
      if (isFirst) onHeader(headerOf(document));
      else onRecord(recordOf(document, forms));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new DataError(`${file}, ${where}: ${error.message}`);
    }
    isFirst = false;
  }
  if (isFirst) throw new DataError(`${file} is empty`);
}

/** How a format holds what JSON has no form of. */
interface Forms {
  /** Null where the value holds no bytes. */
  bytes(value: unknown): Buffer | null;
  /** NaN where it is no score. */
  score(value: unknown): number;
}

const jsonForms: Forms = {
  bytes: bytesFromJson,
  score: (value) => {
    if (value === "inf" || value === "-inf")
      return value === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    // 1e999 is no infinity: it is a number that a double cannot hold.
    return typeof value === "number" && Number.isFinite(value) ? value : Number.NaN;
  },
};

const bsonForms: Forms = {
  bytes: (value) => (value instanceof Binary ? Buffer.from(value.value()) : null),
  score: (value) => (typeof value === "number" ? value : Number.NaN),
};

interface Placed {
  readonly where: string;
  readonly document: Record<string, unknown>;
}

async function* jsonDocuments(file: string): AsyncGenerator<Placed> {
  for await (const { line, bytes } of linesOf(file)) {
    const where = `line ${line}`;
    if (!isUtf8(bytes)) throw new DataError(`${file}, ${where}: is not UTF-8`);
    const text = bytes.toString("utf8");
    if (text.trim() === "") continue;
    yield { where, document: decoded(file, where, () => JSON.parse(text)) };
  }
}

/** Lines without their ends, the last one whether or not it has one. Throws DataError for one that no string can hold. */
async function* linesOf(file: string): AsyncGenerator<{ readonly line: number; readonly bytes: Buffer }> {
  let line = 1;
  let held: Buffer[] = [];
  let heldBytes = 0;
  const take = (bytes: Buffer) => {
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes <= constants.MAX_STRING_LENGTH) return;
    throw new DataError(`${file}, line ${line}: is longer than ${constants.MAX_STRING_LENGTH} bytes`);
  };
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
    const bytes = chunk as Buffer;
    let from = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, from)) {
      take(bytes.subarray(from, end));
      yield { line, bytes: Buffer.concat(held, heldBytes) };
      line++;
      held = [];
      heldBytes = 0;
      from = end + 1;
    }
    take(bytes.subarray(from));
  }
  yield { line, bytes: Buffer.concat(held, heldBytes) };
}

async function* bsonDocuments(file: string): AsyncGenerator<Placed> {
  const fileBytes = statSync(file).size;
  let pieces: Buffer[] = [];
  let held = 0;
  let needed = BSON_LENGTH_BYTES;
  let offset = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
    pieces.push(chunk as Buffer);
    held += (chunk as Buffer).length;
    if (held < needed) continue;
    let bytes = Buffer.concat(pieces, held);
    for (;;) {
      needed = BSON_LENGTH_BYTES;
      if (bytes.length < needed) break;
      needed = bytes.readUInt32LE(0);
      const where = `offset ${offset}`;
      if (needed < BSON_BYTES_MIN) throw new DataError(`${file}, ${where}: a document of ${needed} bytes`);
      if (offset + needed > fileBytes) break;
      if (bytes.length < needed) break;
      const document = bytes.subarray(0, needed);
      yield { where, document: decoded(file, where, () => deserialize(document)) };
      offset += needed;
      bytes = bytes.subarray(needed);
    }
    if (offset + needed > fileBytes && bytes.length > 0) break;
    pieces = [bytes];
    held = bytes.length;
  }
  if (offset < fileBytes) throw new DataError(`${file}, offset ${offset}: the file ends inside a document`);
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

function headerOf(document: Record<string, unknown>): DumpHeader {
  const { format, version, lastFence = 0, ...others } = document;
  if (format !== FORMAT || typeof version !== "number") {
    throw new DataError(`does not begin with the format "${FORMAT}"`);
  }
  if (version > VERSION) throw new DataError(`written by a newer version (format ${version})`);
  if (version !== VERSION) throw new DataError(`there is no version ${version} of the format`);
  requireNone(others);
  if (!isWhole(lastFence, LAST_FENCE_MAX))
    throw new DataError(`lastFence must be a whole number up to ${LAST_FENCE_MAX}`);
  return { lastFence };
}

function recordOf(document: Record<string, unknown>, forms: Forms): DumpRecord {
  const { db, key: name, type, expireAt = 0, continues = false, value, ...others } = document;
  const key = forms.bytes(name);
  if (typeof db !== "number" || typeof type !== "string" || key === null) {
    throw new DataError("db, key or type is missing");
  }
  if (!isWhole(expireAt, Number.MAX_SAFE_INTEGER)) throw new DataError("expireAt must be milliseconds since 1970");
  if (typeof continues !== "boolean") throw new DataError("continues must be true or false");
  requireNone(others);
  return { db, key, type, expireAt, continues, value: contentOf(type, value, forms) };
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

/** A field that is not known would be left out. */
function requireNone(others: Record<string, unknown>): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw new DataError(`there is no field ${JSON.stringify(name)}`);
}

function contentOf(type: string, value: unknown, forms: Forms): Described {
  if (!Array.isArray(value)) return required(forms.bytes(value));
  return value.map((element) => {
    if (!Array.isArray(element)) return required(forms.bytes(element));
    // Of a sorted set the second part is a score.
    return element.map((part, i) => (type === "zset" && i === 1 ? scoreOf(part, forms) : required(forms.bytes(part))));
  });
}

function scoreOf(value: unknown, forms: Forms): number {
  const score = forms.score(value);
  if (!Number.isNaN(score)) return score;
  throw new DataError("a score must be a number");
}

function required(bytes: Buffer | null): Buffer {
  if (bytes !== null) return bytes;
  throw new DataError("a value holds neither text nor bytes");
}
