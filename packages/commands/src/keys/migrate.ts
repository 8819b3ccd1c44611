/** MIGRATE: keys to another server, by DUMP here and RESTORE there. What goes over the wire and when keys go from here is the host's. */
import { TYPE_NONE } from "@hearthkv/engine";
import type { Request } from "@hearthkv/resp";
import { intArg, lookupReadAt } from "../arguments/arguments.js";
import type { CommandContext, MigrationOrder } from "../context.js";
import { ERR } from "../errors.js";
import { EVENT_GENERIC } from "../events.js";
import { family } from "../table/declare.js";
import { type KeyUse, key, keysBehind } from "../table/keys.js";
import { dumpFound } from "./dump.js";

const DEFAULT_TIMEOUT_MS = 1000;
const FIRST_OPTION = 6;

interface MigrateOptions {
  isCopy: boolean;
  replaces: boolean;
  /** Arguments of AUTH. */
  credentials: readonly Buffer[];
  /** Argument with the first key, and the one behind the last. */
  firstKey: number;
  keysEnd: number;
}

function migrate(ctx: CommandContext): void {
  const { request: r, keyspace, db, reply, host, events } = ctx;
  const options = migrateOptions(ctx);
  if (options === null) return;
  const timeoutMs = intArg(ctx, 5);
  if (Number.isNaN(timeoutMs)) return;
  const targetDb = intArg(ctx, 4);
  if (Number.isNaN(targetDb)) return;
  const keys: Buffer[] = [];
  for (let i = options.firstKey; i < options.keysEnd; i++) {
    if (lookupReadAt(ctx, i) !== TYPE_NONE) keys.push(Buffer.from(r.bytes(i)));
  }
  if (keys.length === 0) {
    reply.simple("NOKEY");
    return;
  }
  if (ctx.denyBlocking) {
    // What comes behind it in the transaction would have to wait for the other server, and everybody else with it.
    reply.error(ERR.notInMulti);
    return;
  }
  const order: MigrationOrder = {
    host: r.utf8(1),
    port: Number.parseInt(r.str(2), 10) || 0,
    targetDb,
    timeoutMs: timeoutMs <= 0 ? DEFAULT_TIMEOUT_MS : timeoutMs,
    ...{ credentials: options.credentials, isCopy: options.isCopy, replaces: options.replaces },
    db,
    keys,
    deleted: (name) => events.tell(EVENT_GENERIC, "del", db.index, name, 0, name.length),
    dump(name) {
      const type = db.keys.lookup(name, 0, name.length);
      if (type === TYPE_NONE) return null;
      const { expireAt } = db.keys;
      const { bytes, length } = dumpFound(db, type);
      return { payload: bytes.subarray(0, length), ttlMs: expireAt === 0 ? 0 : Math.max(1, expireAt - keyspace.nowMs) };
    },
  };
  host.migrate(ctx, order);
}

/** Null after an error reply. */
function migrateOptions(ctx: CommandContext): MigrateOptions | null {
  const { request: r, reply } = ctx;
  const options: MigrateOptions = { isCopy: false, replaces: false, credentials: [], firstKey: 3, keysEnd: 4 };
  const copyOf = (i: number) => Buffer.from(r.bytes(i));
  for (let i = FIRST_OPTION; i < r.argc; i++) {
    const left = r.argc - 1 - i;
    if (r.is(i, "copy")) options.isCopy = true;
    else if (r.is(i, "replace")) options.replaces = true;
    else if (r.is(i, "auth") && left >= 1) options.credentials = [copyOf(++i)];
    else if (r.is(i, "auth2") && left >= 2) options.credentials = [copyOf(++i), copyOf(++i)];
    else if (r.is(i, "keys")) {
      if (r.len[3] !== 0) {
        reply.error(ERR.migrateKeyAndKeys);
        return null;
      }
      return { ...options, firstKey: i + 1, keysEnd: r.argc };
    } else {
      reply.error(ERR.syntax);
      return null;
    }
  }
  return options;
}

function migrateKeys(request: Request): KeyUse[] {
  const use = "RW access delete";
  if (request.len[3] !== 0) return [{ index: 3, use }];
  for (let i = FIRST_OPTION; i < request.argc; i++) {
    if (request.is(i, "auth")) i++;
    else if (request.is(i, "auth2")) i += 2;
    else if (request.is(i, "keys"))
      return Array.from({ length: request.argc - 1 - i }, (_, n) => ({ index: i + 1 + n, use }));
  }
  return [{ index: 3, use }];
}

export const migrateCommands = family("generic", [
  {
    name: "migrate",
    arity: -6,
    flags: ["write", "movablekeys"],
    keys: [key(3, "RW access delete"), keysBehind("KEYS", -2, "RW access delete incomplete")],
    findKeys: migrateKeys,
    since: "2.6.0",
    complexity: "O(N): what goes over the wire; besides DUMP and DEL here, RESTORE there",
    summary: "Moves keys to another server.",
    syntax:
      "host port:integer <key_or_empty_string: @key | empty_string> destination-db:integer timeout:integer COPY? REPLACE? <authentication: AUTH=password | AUTH2=(username_password: username password)>? KEYS=@key/1+?",
    tips: ["nondeterministic_output"],
    categories: ["keyspace", "dangerous"],
    history: [
      ["3.0.0", "COPY and REPLACE"],
      ["3.0.6", "KEYS"],
      ["4.0.7", "AUTH"],
      ["6.0.0", "AUTH2"],
    ],
    differs:
      "Other clients are served meanwhile; a key that was changed until the other server had it stays here, with an error. Not in MULTI.",
    run: migrate,
  },
]);
