/**
 * Reads the commands of Redis's append-only file: of a plain one, or of all parts that a manifest (Redis 7: appendonlydir/*.manifest) names.
 * An unfinished command at the end is left out, as Redis does.
 */
import { createReadStream, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import RedisParser from "redis-parser";
import { RunError } from "./errors.js";

const RDB_MAGIC = "REDIS";
/** Large, since what lies in two chunks goes through a buffer of redis-parser's that it then shrinks by a timer: that would keep the process. */
const CHUNK_BYTES = 16 * 1024 * 1024;

/** The commands in their order; each is valid until the next one is asked for. Throws RunError naming the file. */
export async function* readAppendOnlyFile(file: string): AsyncGenerator<readonly Buffer[]> {
  for (const part of file.endsWith(".manifest") ? partsOf(file) : [file]) yield* commandsOf(part);
}

/** Base and increments, in order; history files are those that Redis is about to delete. Lines: `file NAME seq N type b|i|h`. */
function partsOf(manifest: string): string[] {
  const parts: string[] = [];
  for (const line of readFileSync(manifest, "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, type] = /^file (\S+) seq \d+ type ([bih])$/.exec(line.trim()) ?? [];
    if (name === undefined) throw new RunError(`${manifest}: this line is none of a manifest: ${line}`);
    if (type !== "h") parts.push(join(dirname(manifest), name));
  }
  return parts;
}

async function* commandsOf(file: string): AsyncGenerator<readonly Buffer[]> {
  let commands: (readonly Buffer[])[] = [];
  let isFirst = true;
  const parser = new RedisParser({
    returnReply: (reply: unknown) => commands.push(asCommand(file, reply)),
    returnError: () => {
      throw new RunError(`${file}: an error stands among the commands`);
    },
    returnFatalError: (error) => {
      throw new RunError(`${file}: ${error.message}`);
    },
    returnBuffers: true,
  });
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    const bytes = chunk as Buffer;
    if (isFirst && bytes.toString("latin1", 0, RDB_MAGIC.length) === RDB_MAGIC) {
      const advice = "CONFIG SET aof-use-rdb-preamble no, then BGREWRITEAOF, makes Redis write commands";
      throw new RunError(`${file} holds a snapshot of Redis (RDB), which cannot be read. ${advice}`);
    }
    isFirst = false;
    parser.execute(bytes);
    yield* commands;
    commands = [];
  }
}

function asCommand(file: string, reply: unknown): readonly Buffer[] {
  if (Array.isArray(reply) && reply.length > 0 && reply.every((part) => Buffer.isBuffer(part))) return reply;
  throw new RunError(`${file}: something else than a command stands among the commands`);
}
