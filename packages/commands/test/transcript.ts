/**
 * Runs transcripts: command families tested in process, as data.
 *
 *   == title             a new test with an empty keyspace
 *   > SET k "a\x00b"     a request; strings in quotes may have escapes, as in redis-cli
 *   +OK                  its whole reply on one line: every CRLF but the last is written as a space
 *   3> HGETALL h         the same over RESP3
 *   @ 1500               the clock goes on by so many milliseconds
 *   ! why                the next reply is not that of redis-server 7.0, for this reason; all others were taken from it
 *   # comment
 *
 * After every test the mutations that its commands logged are replayed into another keyspace, whose digest must be the same.
 */
import { readFileSync } from "node:fs";
import { Keyspace } from "@hearthkv/engine";
import { ReplyWriter, Request } from "@hearthkv/resp";
import { expect, test } from "vitest";
import type { CommandContext, ServerHost, Session } from "../src/context.js";
import { NO_EVENTS } from "../src/events.js";
import { makeCommandTable } from "../src/families.js";
import { arityError, arityHolds } from "../src/table/command-table.js";

const commandTable = makeCommandTable();

export interface TranscriptStep {
  line: number;
  args: string[];
  proto: 2 | 3;
  reply: string;
}

export interface TranscriptTest {
  title: string;
  /** A number is a step of the clock in milliseconds. */
  steps: (TranscriptStep | number)[];
}

/** Where the clock stands when a test begins. */
export const START_MS = 1_700_000_000_000;
const LOG_BYTES = 1 << 16;

/** The tests of the transcript with this name. */
export function readTranscript(name: string): TranscriptTest[] {
  const tests: TranscriptTest[] = [];
  let step: TranscriptStep | null = null;
  const lines = readFileSync(new URL(`transcripts/${name}.txt`, import.meta.url), "utf8").split("\n");
  for (const [index, line] of lines.entries()) {
    const steps = tests.at(-1)?.steps ?? [];
    const request = /^(3?)> (.*)$/.exec(line);
    if (line.startsWith("== ")) tests.push({ title: line.slice(3), steps: [] });
    else if (line.startsWith("@ ")) steps.push(Number(line.slice(2)));
    else if (request !== null) {
      step = { line: index + 1, args: splitArguments(request[2]), proto: request[1] === "3" ? 3 : 2, reply: "" };
      steps.push(step);
    } else if (step !== null && line !== "" && !line.startsWith("!") && !line.startsWith("# ")) step.reply = line;
  }
  return tests;
}

/** Declares the tests of a transcript. */
export function testTranscript(name: string): void {
  for (const { title, steps } of readTranscript(name)) {
    test(`${name}: ${title}`, () => {
      const runner = new CommandRunner();
      for (const step of steps) {
        if (typeof step === "number") runner.keyspace.nowMs += step;
        else
          expect(asLine(runner.run(step.args, step.proto)), `${name}.txt:${step.line} ${step.args.join(" ")}`).toBe(
            step.reply,
          );
      }
      expect(runner.replayedDigest()).toBe(runner.keyspace.digest());
    });
  }
}

/** Splits a line at spaces; "quoted" parts may have the escapes \xNN, \n, \r, \t, \\ and \". Strings are latin1. */
export function splitArguments(line: string): string[] {
  const parts = line.match(/"(?:[^"\\]|\\.)*"|[^ ]+/g) ?? [];
  return parts.map((part) => (part.startsWith('"') ? unescaped(part.slice(1, -1)) : part));
}

function unescaped(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, char: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return { n: "\n", r: "\r", t: "\t" }[char ?? ""] ?? char ?? "";
  });
}

/** A keyspace with one session on it, and a log that is kept. */
export class CommandRunner {
  readonly keyspace: Keyspace;
  /** What host.block() was asked for, null when the last command did not block. The time is up at once. */
  blocked: { keys: readonly string[]; timeoutMs: number } | null = null;
  /** Operations of the log entries so far. */
  readonly logged: { op: number; bytes: Uint8Array }[] = [];
  readonly ctx: CommandContext;

  constructor(random: () => number = Math.random) {
    this.keyspace = newKeyspace(random);
    this.keyspace.nowMs = START_MS;
    this.keyspace.effects.enabled = true;
    const session = { id: 1, dbIndex: 0, proto: 2 } as Session;
    const host = {
      select: (_, index) => {
        session.dbIndex = index;
        this.ctx.db = this.keyspace.db(index);
      },
      block: (ctx, { keys, timeoutMs, over }) => {
        if (!ctx.denyBlocking) this.blocked = { keys, timeoutMs };
        over(ctx.reply);
      },
    } satisfies Partial<ServerHost>;
    this.ctx = {
      request: Request.of("ping"),
      reply: new ReplyWriter(),
      keyspace: this.keyspace,
      db: this.keyspace.db(0),
      session,
      host: host as Partial<ServerHost> as ServerHost,
      row: commandTable.rows()[0],
      events: NO_EVENTS,
      denyBlocking: false,
    };
  }

  /** Runs one request and returns its reply as the wire has it, in latin1. */
  run(args: readonly (string | Uint8Array)[], proto: 2 | 3 = 2): string {
    return this.runRequest(Request.of(...args), proto);
  }

  /** The same for a request that is made already. */
  runRequest(request: Request, proto: 2 | 3 = 2): string {
    const { ctx } = this;
    const { reply, keyspace } = ctx;
    ctx.request = request;
    ctx.session.proto = proto;
    reply.proto = proto;
    reply.reset();
    this.blocked = null;
    keyspace.effects.target(new Uint8Array(LOG_BYTES), 0, LOG_BYTES);
    const row = commandTable.resolve(ctx.request);
    if (row === undefined) reply.error(commandTable.unknown(ctx.request));
    else if (!arityHolds(row, ctx.request.argc)) reply.error(arityError(row));
    else {
      ctx.row = row;
      row.run(ctx);
    }
    this.#keepLog();
    return reply.bytes.toString("latin1", 0, reply.length);
  }

  /** The same for a line such as `SET k v`; the reply comes as transcripts have it. */
  line(text: string, proto: 2 | 3 = 2): string {
    return asLine(this.run(splitArguments(text), proto));
  }

  /** Digest of a keyspace into which everything logged so far was replayed. */
  replayedDigest(): string {
    const replica = newKeyspace(Math.random);
    for (const [i, { op, bytes }] of this.logged.entries()) replica.replay(op, i + 1, bytes, 0, bytes.length);
    return replica.digest();
  }

  #keepLog(): void {
    const { effects } = this.keyspace;
    if (effects.count > 0) this.logged.push({ op: effects.op, bytes: effects.bytes.slice(effects.start, effects.pos) });
  }
}

/** A reply as one line. */
export function asLine(reply: string): string {
  return reply.replace(/\r\n$/, "").replaceAll("\r\n", " ");
}

function newKeyspace(random: () => number): Keyspace {
  return new Keyspace({ hashSeed: new Uint8Array(8), random });
}
