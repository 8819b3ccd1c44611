/** SUBSCRIBE and its kin, PUBLISH and PUBSUB: the server keeps who listens to what. Channels and patterns are latin1 strings. */
import type { CommandContext } from "../context.js";
import { unknownSubcommandOrArity } from "../errors.js";
import { family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";

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

export const pubsubCommands = family("pubsub", [
  {
    name: "psubscribe",
    arity: -2,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Listens for messages to channels that match patterns.",
    syntax: "(pattern: pattern:pattern)+",
    run: psubscribe,
  },
  {
    name: "publish",
    arity: 3,
    flags: ["pubsub", "loading", "stale", "fast"],
    since: "2.0.0",
    complexity: "O(N+M)",
    summary: "Posts a message to a channel.",
    syntax: "channel message",
    run: publish,
  },
  {
    name: "punsubscribe",
    arity: -1,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N+M)",
    summary: "Stops listening to messages of patterns.",
    syntax: "pattern:pattern+?",
    run: punsubscribe,
  },
  {
    name: "subscribe",
    arity: -2,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Listens for messages published to channels.",
    syntax: "channel+",
    run: subscribe,
  },
  {
    name: "unsubscribe",
    arity: -1,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Stops listening to messages posted to channels.",
    syntax: "channel+?",
    run: unsubscribe,
  },
  {
    name: "pubsub",
    arity: -2,
    flags: [],
    since: "2.8.0",
    summary: "A container for Pub/Sub commands.",
    subcommands: [
      {
        name: "pubsub|channels",
        arity: -2,
        flags: ["pubsub", "loading", "stale"],
        since: "2.8.0",
        complexity: "O(N)",
        summary: "Returns the active channels.",
        syntax: "pattern:pattern?",
        run: channels,
      },
      helpCommand("pubsub", "6.2.0", HELP),
      {
        name: "pubsub|numpat",
        arity: 2,
        flags: ["pubsub", "loading", "stale"],
        since: "2.8.0",
        complexity: "O(1)",
        summary: "Returns a count of unique pattern subscriptions.",
        run: numPat,
      },
      {
        name: "pubsub|numsub",
        arity: -2,
        flags: ["pubsub", "loading", "stale"],
        since: "2.8.0",
        complexity: "O(N)",
        summary: "Returns a count of subscribers to channels.",
        syntax: "channel+?",
        run: numSub,
      },
    ],
  },
]);
