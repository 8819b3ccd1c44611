/** SUBSCRIBE and its kin, PUBLISH and PUBSUB: the server keeps who listens to what. Channels and patterns are latin1 strings. */
import { runSubcommand } from "./command-table.js";
import type { CommandContext, CommandFlag, CommandRow } from "./context.js";
import { unknownSubcommandOrArity } from "./errors.js";
import { helpRow } from "./help.js";
import { NO_KEY, rowMaker } from "./rows.js";

const HELP = [
  "CHANNELS [<pattern>]",
  "    Return the currently active channels matching a <pattern> (default: '*').",
  "NUMPAT",
  "    Return number of subscriptions to patterns.",
  "NUMSUB [<channel> ...]",
  "    Return the number of subscribers for the specified channels, excluding",
  "    pattern subscriptions(default: no channels).",
];

function names({ request }: CommandContext, first: number): string[] {
  const all: string[] = [];
  for (let i = first; i < request.argc; i++) all.push(request.str(i));
  return all;
}

function subscribe(ctx: CommandContext): void {
  ctx.host.pubsub.subscribe(ctx, names(ctx, 1));
}

function unsubscribe(ctx: CommandContext): void {
  ctx.host.pubsub.unsubscribe(ctx, names(ctx, 1));
}

function psubscribe(ctx: CommandContext): void {
  ctx.host.pubsub.psubscribe(ctx, names(ctx, 1));
}

function punsubscribe(ctx: CommandContext): void {
  ctx.host.pubsub.punsubscribe(ctx, names(ctx, 1));
}

function publish({ request, reply, host }: CommandContext): void {
  reply.int(host.pubsub.publish(request.str(1), request.buf, request.off[2], request.len[2]));
}

function channels({ request, reply, host }: CommandContext): void {
  if (request.argc > 3) {
    reply.error(unknownSubcommandOrArity("pubsub", request.str(1)));
    return;
  }
  const active = host.pubsub.channels(request.argc === 3 ? request.str(2) : null);
  reply.array(active.length);
  for (const channel of active) reply.bulkString(channel);
}

function numSub(ctx: CommandContext): void {
  const asked = names(ctx, 2);
  ctx.reply.array(asked.length * 2);
  for (const channel of asked) {
    ctx.reply.bulkString(channel);
    ctx.reply.int(ctx.host.pubsub.subscribers(channel));
  }
}

function numPat({ reply, host }: CommandContext): void {
  reply.int(host.pubsub.patternCount());
}

const row = rowMaker("pubsub");
const LISTEN: readonly CommandFlag[] = ["pubsub", "noscript", "loading", "stale"];
const ASK: readonly CommandFlag[] = ["pubsub", "loading", "stale"];
const PUBLISH: readonly CommandFlag[] = ["pubsub", "loading", "stale", "fast"];

const subcommands: readonly CommandRow[] = [
  row("pubsub|channels", -2, ASK, "2.8.0", "Returns the active channels.", channels, NO_KEY),
  helpRow("pubsub", "pubsub", "6.2.0", HELP),
  row("pubsub|numpat", 2, ASK, "2.8.0", "Returns a count of unique pattern subscriptions.", numPat, NO_KEY),
  row("pubsub|numsub", -2, ASK, "2.8.0", "Returns a count of subscribers to channels.", numSub, NO_KEY),
];
const summary = "A container for Pub/Sub commands.";

/** The rows of this family. */
export const pubsubRows: readonly CommandRow[] = [
  row("psubscribe", -2, LISTEN, "2.0.0", "Listens for messages to channels that match patterns.", psubscribe, NO_KEY),
  row("publish", 3, PUBLISH, "2.0.0", "Posts a message to a channel.", publish, NO_KEY),
  { ...row("pubsub", -2, [], "2.8.0", summary, runSubcommand(subcommands), NO_KEY), subcommands },
  row("punsubscribe", -1, LISTEN, "2.0.0", "Stops listening to messages of patterns.", punsubscribe, NO_KEY),
  row("subscribe", -2, LISTEN, "2.0.0", "Listens for messages published to channels.", subscribe, NO_KEY),
  row("unsubscribe", -1, LISTEN, "2.0.0", "Stops listening to messages posted to channels.", unsubscribe, NO_KEY),
];
