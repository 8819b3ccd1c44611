/** MULTI, EXEC, DISCARD, WATCH and UNWATCH: the server keeps the queue and the watched keys. */
import type { CommandContext, CommandFlag, CommandRow } from "./context.js";
import { ALL_KEYS, NO_KEY, rowMaker } from "./rows.js";

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

const row = rowMaker("transactions");
const FAST: readonly CommandFlag[] = ["noscript", "loading", "stale", "fast", "allow_busy"];
const EXEC: readonly CommandFlag[] = ["noscript", "loading", "stale", "skip_slowlog"];

/** The rows of this family. */
export const transactionRows: readonly CommandRow[] = [
  row("discard", 1, FAST, "2.0.0", "Discards a transaction.", discard, NO_KEY),
  row("exec", 1, EXEC, "1.2.0", "Executes all commands in a transaction.", exec, NO_KEY),
  row("multi", 1, FAST, "1.2.0", "Starts a transaction.", multi, NO_KEY),
  row("unwatch", 1, FAST, "2.2.0", "Forgets about watched keys of a transaction.", unwatch, NO_KEY),
  row("watch", -2, FAST, "2.2.0", "Monitors changes to keys for a transaction.", watch, ALL_KEYS),
];
