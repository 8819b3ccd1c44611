/** MULTI, EXEC, DISCARD, WATCH and UNWATCH: the server keeps the queue and the watched keys. */
import type { CommandContext } from "../context.js";
import { family } from "../table/declare.js";
import { keyRange } from "../table/keys.js";

function multi(ctx: CommandContext): void {
  ctx.host.transactions.multi(ctx);
}

function exec(ctx: CommandContext): void {
  ctx.host.transactions.exec(ctx);
}

function discard(ctx: CommandContext): void {
  ctx.host.transactions.discard(ctx);
}

function watch(ctx: CommandContext): void {
  ctx.host.transactions.watch(ctx);
}

function unwatch(ctx: CommandContext): void {
  ctx.host.transactions.unwatch(ctx);
}

export const transactionCommands = family("transactions", [
  {
    name: "discard",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Ends a transaction and runs nothing of it.",
    run: discard,
  },
  {
    name: "exec",
    arity: 1,
    flags: ["noscript", "loading", "stale", "skip_slowlog"],
    since: "1.2.0",
    summary: "Runs what was queued since MULTI, with nobody in between.",
    run: exec,
  },
  {
    name: "multi",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Begins a transaction: what follows is queued until EXEC.",
    run: multi,
  },
  {
    name: "unwatch",
    arity: 1,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Watches no key any more.",
    run: unwatch,
  },
  {
    name: "watch",
    arity: -2,
    flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
    keys: [keyRange(1, -1, "RO")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Lets EXEC run nothing if one of these keys is changed before.",
    syntax: "@key+",
    run: watch,
  },
]);
