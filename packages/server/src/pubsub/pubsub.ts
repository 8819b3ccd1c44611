/**
 * Channels and patterns, and who listens to them.
 *
 *   RESP2   *3 message channel payload      *4 pmessage pattern channel payload
 *   RESP3   >3 ...                          >4 ...
 *
 * Shard channels are a third kind of name: smessage, and no pattern hears them. Their confirmations count shard channels alone, those of the others all others.
 *
 * A message is encoded once for each protocol version and shared by all who receive it.
 */
import { Glob, type PubSubHost } from "@hearthkv/commands";
import { ReplyWriter } from "@hearthkv/resp";
import type { ClientContext, ClientState } from "../clients/client-state.js";

const MESSAGE: readonly string[] = ["message"];
const SHARD_MESSAGE: readonly string[] = ["smessage"];

/** Most channels have one listener, which then needs no set of its own. */
type Listeners = ClientState | Set<ClientState>;

/** Who listens to what, by name. */
class Audience {
  readonly #byName = new Map<string, Listeners>();

  get size(): number {
    return this.#byName.size;
  }

  /** Names that match a glob pattern; null: all. */
  matching(pattern: string | null): string[] {
    const names = [...this.#byName.keys()];
    if (pattern === null) return names;
    const glob = new Glob(pattern);
    return names.filter((name) => glob.matchesText(name));
  }

  /** How many listen to a name. */
  countOf(name: string): number {
    const listeners = this.#byName.get(name);
    if (listeners === undefined) return 0;
    return listeners instanceof Set ? listeners.size : 1;
  }

  of(name: string): Listeners | undefined {
    return this.#byName.get(name);
  }

  add(name: string, client: ClientState): void {
    const listeners = this.#byName.get(name);
    if (listeners === undefined) this.#byName.set(name, client);
    else if (listeners instanceof Set) listeners.add(client);
    else this.#byName.set(name, new Set([listeners, client]));
  }

  remove(name: string, client: ClientState): void {
    const listeners = this.#byName.get(name);
    if (listeners === client) {
      this.#byName.delete(name);
    } else if (listeners instanceof Set) {
      listeners.delete(client);
      if (listeners.size === 0) this.#byName.delete(name);
    }
  }
}

/** The same for patterns, each of which is read once and not for every message. */
class PatternAudience extends Audience {
  /** By pattern, in the order in which they came. */
  readonly globs = new Map<string, Glob>();

  override add(name: string, client: ClientState): void {
    super.add(name, client);
    if (!this.globs.has(name)) this.globs.set(name, new Glob(name));
  }

  override remove(name: string, client: ClientState): void {
    super.remove(name, client);
    if (this.of(name) === undefined) this.globs.delete(name);
  }
}

/** The listeners of all channels and patterns; names are latin1. */
export class PubSub implements PubSubHost {
  readonly #channels = new Audience();
  readonly #patterns = new PatternAudience();
  readonly #shardChannels = new Audience();
  #writer = new ReplyWriter();
  #deliver: (client: ClientState, bytes: Buffer) => void;

  /** @param deliver brings a message to a client, behind what was already written for it. */
  constructor(deliver: (client: ClientState, bytes: Buffer) => void) {
    this.#deliver = deliver;
  }

  subscribe(ctx: ClientContext, channels: readonly string[]): void {
    const client = ctx.session;
    client.channels ??= new Set();
    for (const channel of channels) this.#join(ctx, "subscribe", channel, client.channels, this.#channels);
  }

  psubscribe(ctx: ClientContext, patterns: readonly string[]): void {
    const client = ctx.session;
    client.patterns ??= new Set();
    for (const pattern of patterns) this.#join(ctx, "psubscribe", pattern, client.patterns, this.#patterns);
  }

  unsubscribe(ctx: ClientContext, channels: readonly string[]): void {
    const client = ctx.session;
    this.#leave(ctx, "unsubscribe", channels, client.channels, this.#channels);
  }

  punsubscribe(ctx: ClientContext, patterns: readonly string[]): void {
    const client = ctx.session;
    this.#leave(ctx, "punsubscribe", patterns, client.patterns, this.#patterns);
  }

  ssubscribe(ctx: ClientContext, channels: readonly string[]): void {
    const client = ctx.session;
    client.shardChannels ??= new Set();
    for (const channel of channels) this.#join(ctx, "ssubscribe", channel, client.shardChannels, this.#shardChannels);
  }

  sunsubscribe(ctx: ClientContext, channels: readonly string[]): void {
    const client = ctx.session;
    this.#leave(ctx, "sunsubscribe", channels, client.shardChannels, this.#shardChannels);
  }

  publish(channel: string, buf: Uint8Array, off: number, len: number): number {
    let receivers = 0;
    const listeners = this.#channels.of(channel);
    if (listeners !== undefined) receivers += this.#send(listeners, MESSAGE, channel, buf, off, len);
    if (this.#patterns.size === 0) return receivers;
    const name = Buffer.from(channel, "latin1");
    for (const [pattern, glob] of this.#patterns.globs) {
      if (!glob.matches(name, 0, name.length)) continue;
      const matching = this.#patterns.of(pattern);
      if (matching !== undefined) receivers += this.#send(matching, ["pmessage", pattern], channel, buf, off, len);
    }
    return receivers;
  }

  spublish(channel: string, buf: Uint8Array, off: number, len: number): number {
    const listeners = this.#shardChannels.of(channel);
    return listeners === undefined ? 0 : this.#send(listeners, SHARD_MESSAGE, channel, buf, off, len);
  }

  channels(pattern: string | null): string[] {
    return this.#channels.matching(pattern);
  }

  shardChannels(pattern: string | null): string[] {
    return this.#shardChannels.matching(pattern);
  }

  subscribers(channel: string): number {
    return this.#channels.countOf(channel);
  }

  shardSubscribers(channel: string): number {
    return this.#shardChannels.countOf(channel);
  }

  patternCount(): number {
    return this.#patterns.size;
  }

  /** Number of channels with at least one listener. */
  channelCount(): number {
    return this.#channels.size;
  }

  /** The same for shard channels. */
  shardChannelCount(): number {
    return this.#shardChannels.size;
  }

  /** Ends all subscriptions of a client without telling it. */
  drop(client: ClientState): void {
    if (client.channels !== null) for (const name of client.channels) this.#channels.remove(name, client);
    if (client.patterns !== null) for (const name of client.patterns) this.#patterns.remove(name, client);
    if (client.shardChannels !== null)
      for (const name of client.shardChannels) this.#shardChannels.remove(name, client);
    client.channels = null;
    client.patterns = null;
    client.shardChannels = null;
    client.subscriptions = 0;
  }

  #join(ctx: ClientContext, kind: string, name: string, own: Set<string>, all: Audience): void {
    const client = ctx.session;
    if (!own.has(name)) {
      own.add(name);
      all.add(name, client);
      client.subscriptions++;
    }
    confirm(ctx, kind, name, all === this.#shardChannels);
  }

  #leave(ctx: ClientContext, kind: string, names: readonly string[], own: Set<string> | null, all: Audience): void {
    const client = ctx.session;
    const leaving = names.length > 0 ? names : [...(own ?? [])];
    if (leaving.length === 0) confirm(ctx, kind, null, all === this.#shardChannels);
    for (const name of leaving) {
      if (own?.delete(name)) {
        all.remove(name, client);
        client.subscriptions--;
      }
      confirm(ctx, kind, name, all === this.#shardChannels);
    }
  }

  #send(
    listeners: Listeners,
    head: readonly string[],
    channel: string,
    buf: Uint8Array,
    off: number,
    len: number,
  ): number {
    if (!(listeners instanceof Set)) {
      this.#deliver(listeners, this.#encode(listeners.proto, head, channel, buf, off, len));
      return 1;
    }
    let resp2: Buffer | null = null;
    let resp3: Buffer | null = null;
    for (const client of listeners) {
      if (client.proto === 2) {
        resp2 ??= this.#encode(2, head, channel, buf, off, len);
        this.#deliver(client, resp2);
      } else {
        resp3 ??= this.#encode(3, head, channel, buf, off, len);
        this.#deliver(client, resp3);
      }
    }
    return listeners.size;
  }

  /** @param head what stands before the channel */
  #encode(proto: 2 | 3, head: readonly string[], channel: string, buf: Uint8Array, off: number, len: number): Buffer {
    const writer = this.#writer;
    writer.reset();
    writer.proto = proto;
    writer.push(head.length + 2);
    for (const word of head) writer.bulkString(word);
    writer.bulkString(channel);
    writer.bulk(buf, off, len);
    const message = Buffer.from(writer.bytes.subarray(0, writer.length));
    writer.reset();
    writer.trim();
    return message;
  }
}

function confirm(ctx: ClientContext, kind: string, name: string | null, isShard: boolean): void {
  const { subscriptions, shardChannels } = ctx.session;
  const inShards = shardChannels?.size ?? 0;
  ctx.reply.push(3);
  ctx.reply.bulkString(kind);
  if (name === null) ctx.reply.nil();
  else ctx.reply.bulkString(name);
  ctx.reply.int(isShard ? inShards : subscriptions - inShards);
}
