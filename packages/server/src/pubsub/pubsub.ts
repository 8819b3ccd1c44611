/**
 * Channels and patterns, and who listens to them.
 *
 *   RESP2   *3 message channel payload      *4 pmessage pattern channel payload
 *   RESP3   >3 ...                          >4 ...
 *
 * A message is encoded once for each protocol version and shared by all who receive it.
 */
import { Glob, type PubSubHost } from "@hearthkv/commands";
import { ReplyWriter } from "@hearthkv/resp";
import type { ClientContext, ClientState } from "../clients/client-state.js";

/** Most channels have one listener, which then needs no set of its own. */
type Listeners = ClientState | Set<ClientState>;

/** Who listens to what, by name. */
class Audience {
  readonly #byName = new Map<string, Listeners>();

  get size(): number {
    return this.#byName.size;
  }

  names(): IterableIterator<string> {
    return this.#byName.keys();
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

  publish(channel: string, buf: Uint8Array, off: number, len: number): number {
    let receivers = 0;
    const listeners = this.#channels.of(channel);
    if (listeners !== undefined) receivers += this.#send(listeners, null, channel, buf, off, len);
    if (this.#patterns.size === 0) return receivers;
    const name = Buffer.from(channel, "latin1");
    for (const [pattern, glob] of this.#patterns.globs) {
      if (!glob.matches(name, 0, name.length)) continue;
      const matching = this.#patterns.of(pattern);
      if (matching !== undefined) receivers += this.#send(matching, pattern, channel, buf, off, len);
    }
    return receivers;
  }

  channels(pattern: string | null): string[] {
    const names = [...this.#channels.names()];
    if (pattern === null) return names;
    const glob = new Glob(pattern);
    return names.filter((name) => glob.matchesText(name));
  }

  subscribers(channel: string): number {
    const listeners = this.#channels.of(channel);
    if (listeners === undefined) return 0;
    return listeners instanceof Set ? listeners.size : 1;
  }

  patternCount(): number {
    return this.#patterns.size;
  }

  /** Number of channels with at least one listener. */
  channelCount(): number {
    return this.#channels.size;
  }

  /** Ends all subscriptions of a client without telling it. */
  drop(client: ClientState): void {
    if (client.channels !== null) for (const name of client.channels) this.#channels.remove(name, client);
    if (client.patterns !== null) for (const name of client.patterns) this.#patterns.remove(name, client);
    client.channels = null;
    client.patterns = null;
    client.subscriptions = 0;
  }

  #join(ctx: ClientContext, kind: string, name: string, own: Set<string>, all: Audience): void {
    const client = ctx.session;
    if (!own.has(name)) {
      own.add(name);
      all.add(name, client);
      client.subscriptions++;
    }
    confirm(ctx, kind, name);
  }

  #leave(ctx: ClientContext, kind: string, names: readonly string[], own: Set<string> | null, all: Audience): void {
    const client = ctx.session;
    const leaving = names.length > 0 ? names : [...(own ?? [])];
    if (leaving.length === 0) confirm(ctx, kind, null);
    for (const name of leaving) {
      if (own?.delete(name)) {
        all.remove(name, client);
        client.subscriptions--;
      }
      confirm(ctx, kind, name);
    }
  }

  #send(
    listeners: Listeners,
    pattern: string | null,
    channel: string,
    buf: Uint8Array,
    off: number,
    len: number,
  ): number {
    if (!(listeners instanceof Set)) {
      this.#deliver(listeners, this.#encode(listeners.proto, pattern, channel, buf, off, len));
      return 1;
    }
    let resp2: Buffer | null = null;
    let resp3: Buffer | null = null;
    for (const client of listeners) {
      if (client.proto === 2) {
        resp2 ??= this.#encode(2, pattern, channel, buf, off, len);
        this.#deliver(client, resp2);
      } else {
        resp3 ??= this.#encode(3, pattern, channel, buf, off, len);
        this.#deliver(client, resp3);
      }
    }
    return listeners.size;
  }

  #encode(proto: 2 | 3, pattern: string | null, channel: string, buf: Uint8Array, off: number, len: number): Buffer {
    const writer = this.#writer;
    writer.reset();
    writer.proto = proto;
    if (pattern === null) {
      writer.push(3);
      writer.bulkString("message");
    } else {
      writer.push(4);
      writer.bulkString("pmessage");
      writer.bulkString(pattern);
    }
    writer.bulkString(channel);
    writer.bulk(buf, off, len);
    const message = Buffer.from(writer.bytes.subarray(0, writer.length));
    writer.reset();
    writer.trim();
    return message;
  }
}

function confirm(ctx: ClientContext, kind: string, name: string | null): void {
  ctx.reply.push(3);
  ctx.reply.bulkString(kind);
  if (name === null) ctx.reply.nil();
  else ctx.reply.bulkString(name);
  ctx.reply.int(ctx.session.subscriptions);
}
