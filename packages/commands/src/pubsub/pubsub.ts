/**
 * SUBSCRIBE and its kin, PUBLISH and PUBSUB: the server keeps who listens to what. Channels and patterns are latin1 strings. Shard channels are names of their
 * own: in a cluster only the slot's node has them, and a single server has all.
 */
import type { CommandContext } from "../context.js";
import { denyBlockingClient, unknownSubcommandOrArity } from "../errors.js";
import { family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";
import { key, keyRange } from "../table/keys.js";

const HELP = [
  "CHANNELS [<pattern>]",
  "    The channels that anybody listens to, or those of them that match.",
  "NUMPAT",
  "    How many patterns are listened to.",
  "NUMSUB [<channel> ...]",
  "    Each channel, and how many listen to it. Who listens to a pattern does not count.",
  "SHARDCHANNELS [<pattern>]",
  "    As CHANNELS, of shard channels.",
  "SHARDNUMSUB [<shardchannel> ...]",
  "    As NUMSUB, of shard channels.",
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

/** In a transaction it fails while it runs, unlike SUBSCRIBE: as in Redis. */
function ssubscribe(ctx: CommandContext): void {
  if (ctx.denyBlocking) ctx.reply.error(denyBlockingClient("SSUBSCRIBE"));
  else ctx.host.pubsub.ssubscribe(ctx, names(ctx, 1));
}

function sunsubscribe(ctx: CommandContext): void {
  ctx.host.pubsub.sunsubscribe(ctx, names(ctx, 1));
}

function publish({ request, reply, host }: CommandContext): void {
  reply.int(host.pubsub.publish(request.str(1), request.buf, request.off[2], request.len[2]));
}

function spublish({ request, reply, host }: CommandContext): void {
  reply.int(host.pubsub.spublish(request.str(1), request.buf, request.off[2], request.len[2]));
}

function channels(ctx: CommandContext): void {
  listActive(ctx, (pattern) => ctx.host.pubsub.channels(pattern));
}

function shardChannels(ctx: CommandContext): void {
  listActive(ctx, (pattern) => ctx.host.pubsub.shardChannels(pattern));
}

function listActive({ request, reply }: CommandContext, matching: (pattern: string | null) => string[]): void {
  if (request.argc > 3) {
    reply.error(unknownSubcommandOrArity("pubsub", request.str(1)));
    return;
  }
  const active = matching(request.argc === 3 ? request.str(2) : null);
  reply.array(active.length);
  for (const channel of active) reply.bulkString(channel);
}

function numSub(ctx: CommandContext): void {
  listCounts(ctx, (channel) => ctx.host.pubsub.subscribers(channel));
}

function shardNumSub(ctx: CommandContext): void {
  listCounts(ctx, (channel) => ctx.host.pubsub.shardSubscribers(channel));
}

function listCounts(ctx: CommandContext, count: (channel: string) => number): void {
  const asked = names(ctx, 2);
  ctx.reply.array(asked.length * 2);
  for (const channel of asked) {
    ctx.reply.bulkString(channel);
    ctx.reply.int(count(channel));
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
    summary: "Listens to all channels that match patterns, from now on.",
    syntax: "(pattern: pattern:pattern)+",
    run: psubscribe,
  },
  {
    name: "publish",
    arity: 3,
    flags: ["pubsub", "loading", "stale", "fast"],
    since: "2.0.0",
    complexity: "O(N+M)",
    summary: "Sends a message to all who listen to a channel; returns how many they are.",
    syntax: "channel message",
    run: publish,
  },
  {
    name: "punsubscribe",
    arity: -1,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N+M)",
    summary: "Ends listening to some patterns, or to all.",
    syntax: "pattern:pattern+?",
    run: punsubscribe,
  },
  {
    name: "spublish",
    arity: 3,
    flags: ["pubsub", "loading", "stale", "fast"],
    keys: [key(1, "not_key")],
    since: "7.0.0",
    complexity: "O(N)",
    summary: "Sends a message to all who listen to a shard channel; returns how many they are.",
    syntax: "shardchannel message",
    run: spublish,
  },
  {
    name: "ssubscribe",
    arity: -2,
    flags: ["pubsub", "noscript", "loading", "stale"],
    keys: [keyRange(1, -1, "not_key")],
    since: "7.0.0",
    complexity: "O(N)",
    summary: "Listens to shard channels from now on.",
    syntax: "shardchannel+",
    run: ssubscribe,
  },
  {
    name: "subscribe",
    arity: -2,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Listens to channels from now on.",
    syntax: "channel+",
    run: subscribe,
  },
  {
    name: "sunsubscribe",
    arity: -1,
    flags: ["pubsub", "noscript", "loading", "stale"],
    keys: [keyRange(1, -1, "not_key")],
    since: "7.0.0",
    complexity: "O(N)",
    summary: "Ends listening to some shard channels, or to all.",
    syntax: "shardchannel+?",
    run: sunsubscribe,
  },
  {
    name: "unsubscribe",
    arity: -1,
    flags: ["pubsub", "noscript", "loading", "stale"],
    since: "2.0.0",
    complexity: "O(N)",
    summary: "Ends listening to some channels, or to all.",
    syntax: "channel+?",
    run: unsubscribe,
  },
  {
    name: "pubsub",
    arity: -2,
    flags: [],
    since: "2.8.0",
    summary: "Tells who listens to what.",
    subcommands: [
      {
        name: "pubsub|channels",
        arity: -2,
        flags: ["pubsub", "loading", "stale"],
        since: "2.8.0",
        complexity: "O(N)",
        summary: "Names the channels that anybody listens to.",
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
        summary: "Counts the patterns that anybody listens to.",
        run: numPat,
      },
      {
        name: "pubsub|numsub",
        arity: -2,
        flags: ["pubsub", "loading", "stale"],
        since: "2.8.0",
        complexity: "O(N)",
        summary: "Counts who listens to each of some channels.",
        syntax: "channel+?",
        run: numSub,
      },
      {
        name: "pubsub|shardchannels",
        arity: -2,
        flags: ["pubsub", "loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Names the shard channels that anybody listens to.",
        syntax: "pattern:pattern?",
        run: shardChannels,
      },
      {
        name: "pubsub|shardnumsub",
        arity: -2,
        flags: ["pubsub", "loading", "stale"],
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Counts who listens to each of some shard channels.",
        syntax: "shardchannel+?",
        run: shardNumSub,
      },
    ],
  },
]);
