/**
 * Reads the commands of Redis's append-only file: of a plain one, or of all parts that a manifest (Redis 7: appendonlydir/*.manifest) names.
 *
 *   command      *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $1\r\nv\r\n      the line ends after * and $ may be \n alone, as redis-server takes them
 *   annotation   #TS:1700000000\r\n                                between commands (aof-timestamp-enabled yes); it changes no data
 *
 * The last file may end inside a command or a transaction: that is left out and told, as redis-server does. Anything else that is not whole is an
 * error. Source: loadSingleAppendOnlyFile and aofLoadManifestFromFile of Redis 7, tried with redis-server 7.0.15.
 */
import { createReadStream, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { splitLine } from "./client/split-line.js";
import { RunError } from "./errors.js";

/** A command, and where in its file it begins. */
export interface LoggedCommand {
  readonly offset: number;
  readonly args: readonly Buffer[];
}

/** One file. Each is as if a client of its own had sent its commands: it begins in database 0. Read it to its end before the next one. */
export interface AppendOnlyPart {
  readonly file: string;
  /** In their order, without MULTI and EXEC: a transaction's commands come when its end was read. */
  readonly commands: AsyncIterable<LoggedCommand>;
}

/** The end of the last file, which is left out. */
export interface CutEnd {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly inside: "a command" | "a transaction";
}

const RDB_MAGIC = "REDIS";
const CHUNK_BYTES = 16 * 1024 * 1024;
/** redis-server reads lines into a buffer of this size. */
const LINE_BYTES_MAX = 1024;
/** As much as a client may send: the longest argument, and the most of them. */
const ARGUMENT_BYTES_MAX = 512 * 1024 * 1024;
const ARGUMENTS_MAX = 2 ** 31 - 1;

const CR = 13;
const LF = 10;
const ASTERISK = "*".charCodeAt(0);
const DOLLAR = "$".charCodeAt(0);
const HASH = "#".charCodeAt(0);

/** The files in their order. `onCut` is told what is left out at the very end. Throws RunError naming the file, and the offset where there is one. */
export async function* readAppendOnlyFile(file: string, onCut: (cut: CutEnd) => void): AsyncGenerator<AppendOnlyPart> {
  const paths = file.endsWith(".manifest") ? partsOf(file) : [Buffer.from(file)];
  for (const [i, path] of paths.entries()) {
    const part = new PartReader(path, i === paths.length - 1 ? onCut : refuseCut);
    yield { file: part.file, commands: part.commands() };
  }
}

function refuseCut({ file, offset, bytes, inside }: CutEnd): void {
  throw new RunError(
    `${file} ends inside ${inside} that begins at offset ${offset} (${bytes} bytes), and other files follow it: only the last one may be cut`,
  );
}

/**
 * Base and increments, in order; history files are those that Redis is about to delete. A line is pairs of words, quoted like redis.conf's where
 * they need it, in any order and with others between: `file NAME seq N type b|i|h`. Paths are bytes, since a name may be any.
 */
function partsOf(manifest: string): Buffer[] {
  const text = readFileSync(manifest, "utf8");
  const lines = text.split("\n");
  const refuse = (line: number, why: string) => new RunError(`${manifest}, line ${line}: ${why}`);
  if (lines.pop() !== "") throw refuse(lines.length + 1, "the file ends inside a line");
  const bases: Buffer[] = [];
  const increments: Buffer[] = [];
  let lastSequence = 0;
  for (const [i, line] of lines.entries()) {
    if (line.startsWith("#")) continue;
    const words = splitLine(line) ?? [];
    const field = (name: string) => {
      const at = words.findIndex((word, j) => j % 2 === 0 && word.toString("latin1").toLowerCase() === name);
      return at < 0 ? undefined : words[at + 1];
    };
    const [name, sequence, type] = [field("file"), Number(field("seq")), field("type")?.toString("latin1")];
    const isWhole = words.length % 2 === 0 && name !== undefined && name.length > 0;
    if (!isWhole || !(Number.isSafeInteger(sequence) && sequence > 0) || !/^[bih]$/.test(type ?? "")) {
      throw refuse(i + 1, `is none of a manifest: ${JSON.stringify(line)}`);
    }
    if (name.includes("/") || name.includes("\\") || name.includes(0)) throw refuse(i + 1, "names a path, not a file");
    if (type === "b" && bases.push(name) > 1) throw refuse(i + 1, "names a second base");
    if (type !== "i") continue;
    if (sequence <= lastSequence) throw refuse(i + 1, `increment ${sequence} follows ${lastSequence}`);
    lastSequence = sequence;
    increments.push(name);
  }
  if (bases.length + increments.length === 0) throw new RunError(`${manifest} names no file with data`);
  const folder = Buffer.from(`${dirname(manifest)}/`);
  return [...bases, ...increments].map((name) => Buffer.concat([folder, name]));
}

class PartReader {
  readonly file: string;
  readonly #onCut: (cut: CutEnd) => void;
  readonly #chunks: AsyncIterator<Buffer>;
  #bytes: Buffer = Buffer.alloc(0);
  /** The next byte to be looked at. */
  #at = 0;
  /** Where in the file `#bytes` begins. */
  #before = 0;

  constructor(path: Buffer, onCut: (cut: CutEnd) => void) {
    this.file = path.toString("utf8");
    this.#onCut = onCut;
    this.#chunks = createReadStream(path, { highWaterMark: CHUNK_BYTES })[Symbol.asyncIterator]();
  }

  async *commands(): AsyncGenerator<LoggedCommand> {
    await this.#refuseSnapshot();
    let transaction: LoggedCommand[] | null = null;
    let transactionStart = 0;
    for (;;) {
      const args = await this.#command();
      const offset = this.#before;
      if (args === null) {
        if (transaction !== null) this.#cut(transactionStart, "a transaction");
        else if (this.#bytes.length > 0) this.#cut(offset, "a command");
        return;
      }
      const name = nameOf(args);
      if (name === "multi" || name === "exec") {
        if ((name === "multi") !== (transaction === null)) throw this.#refuse(offset, `${name} is out of place`);
        transactionStart = offset;
        if (transaction !== null) yield* transaction;
        transaction = transaction === null ? [] : null;
      } else if (transaction === null) yield { offset, args };
      else transaction.push({ offset, args });
    }
  }

  async #refuseSnapshot(): Promise<void> {
    if (!(await this.#has(RDB_MAGIC.length))) return;
    if (this.#bytes.toString("latin1", 0, RDB_MAGIC.length) !== RDB_MAGIC) return;
    const advice = "CONFIG SET aof-use-rdb-preamble no, then BGREWRITEAOF, makes Redis write commands";
    throw new RunError(`${this.file} holds a snapshot of Redis (RDB), which cannot be read. ${advice}`);
  }

  /** The next command; null where the file ends before its end. `#bytes` is then what is left from its beginning on. */
  async #command(): Promise<Buffer[] | null> {
    while (await this.#has(1)) {
      if (this.#bytes[this.#at] !== HASH) break;
      if ((await this.#line(HASH)) === null) return null;
      this.#forget();
    }
    this.#forget();
    if (!(await this.#has(1))) return null;
    const count = await this.#number(ASTERISK, 1, ARGUMENTS_MAX);
    if (count === null) return null;
    const args: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const length = await this.#number(DOLLAR, 0, ARGUMENT_BYTES_MAX);
      if (length === null || !(await this.#has(length + 2))) return null;
      const end = this.#at + length;
      if (this.#bytes[end] !== CR || this.#bytes[end + 1] !== LF) {
        throw this.#refuse(this.#offset + length, "an argument does not end with \\r\\n here");
      }
      args.push(this.#bytes.subarray(this.#at, end));
      this.#at = end + 2;
    }
    return args;
  }

  /** The number of a line that begins with `mark`; null where the file ends inside it. */
  async #number(mark: number, min: number, max: number): Promise<number | null> {
    const offset = this.#offset;
    const line = await this.#line(mark);
    if (line === null) return null;
    const text = line.toString("latin1");
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw this.#refuse(offset, `expected a number from ${min} to ${max} after ${String.fromCharCode(mark)}`);
  }

  /** The rest of a line that begins with `mark`, without its end; null where the file ends inside it. */
  async #line(mark: number): Promise<Buffer | null> {
    if (!(await this.#has(1))) return null;
    const first = this.#bytes[this.#at];
    if (first !== mark) {
      const found = JSON.stringify(String.fromCharCode(first ?? 0));
      throw this.#refuse(this.#offset, `expected ${String.fromCharCode(mark)}, found ${found}`);
    }
    let end = this.#bytes.subarray(0, this.#at + LINE_BYTES_MAX).indexOf(LF, this.#at);
    if (end < 0) {
      const isThere = await this.#has(LINE_BYTES_MAX);
      end = this.#bytes.subarray(0, this.#at + LINE_BYTES_MAX).indexOf(LF, this.#at);
      if (end < 0 && isThere) throw this.#refuse(this.#offset, `a line is longer than ${LINE_BYTES_MAX} bytes`);
      if (end < 0) return null;
    }
    const line = this.#bytes.subarray(this.#at + 1, this.#bytes[end - 1] === CR ? end - 1 : end);
    this.#at = end + 1;
    return line;
  }

  get #offset(): number {
    return this.#before + this.#at;
  }

  /** Whether so many bytes are left; they are then in `#bytes`. */
  async #has(count: number): Promise<boolean> {
    if (this.#bytes.length - this.#at >= count) return true;
    const pieces = [this.#bytes];
    let length = this.#bytes.length;
    while (length - this.#at < count) {
      const { value, done } = await this.#chunks.next();
      if (done === true) break;
      pieces.push(value);
      length += value.length;
    }
    if (pieces.length > 1) this.#bytes = Buffer.concat(pieces, length);
    return length - this.#at >= count;
  }

  /** What was read so far is not needed any more. */
  #forget(): void {
    this.#before += this.#at;
    this.#bytes = this.#bytes.subarray(this.#at);
    this.#at = 0;
  }

  #cut(offset: number, inside: CutEnd["inside"]): void {
    this.#onCut({ file: this.file, offset, bytes: this.#before + this.#bytes.length - offset, inside });
  }

  #refuse(offset: number, why: string): RunError {
    return new RunError(`${this.file}, offset ${offset}: ${why}`);
  }
}

function nameOf(args: readonly Buffer[]): string {
  const [name] = args;
  return name === undefined || name.length > 5 ? "" : name.toString("latin1").toLowerCase();
}
