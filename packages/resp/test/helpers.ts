import { ERROR, REQUEST, RequestDecoder, SECURITY } from "../src/decoder.js";
import { type DecoderLimits, defaultLimits } from "../src/limits.js";
import type { Request } from "../src/request.js";

/** A request as the protocol writes it. */
export function encode(...args: (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg, "latin1") : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** What a connection saw: its requests, then the end ("" while open). */
export interface Seen {
  requests: string[][];
  end: string;
}

export function newDecoder(limits: Partial<DecoderLimits> = {}): RequestDecoder {
  return new RequestDecoder({ ...defaultLimits, ...limits });
}

/** Takes everything `next` gives. */
export function drain(decoder: RequestDecoder, into: Seen): void {
  for (;;) {
    const status = decoder.next();
    if (status === ERROR) into.end = decoder.error;
    if (status === SECURITY) into.end = "closed silently";
    if (status !== REQUEST) return;
    into.requests.push(argsOf(decoder));
  }
}

export function argsOf(decoder: RequestDecoder): string[] {
  return argsIn(decoder.request);
}

export function argsIn(request: Request): string[] {
  return Array.from({ length: request.argc }, (_, i) => request.str(i));
}

/**
 * Feeds the pieces one after the other through one reused buffer, whose old content is destroyed after each piece, as a server does.
 */
export function decodeAll(pieces: readonly (string | Buffer)[], limits: Partial<DecoderLimits> = {}): Seen {
  const decoder = newDecoder(limits);
  const seen: Seen = { requests: [], end: "" };
  for (const piece of pieces) {
    const bytes = typeof piece === "string" ? Buffer.from(piece, "latin1") : piece;
    const shared = Buffer.concat([bytes, Buffer.from("*9\r\n")]);
    decoder.feed(shared, bytes.length);
    drain(decoder, seen);
    shared.fill(0x58);
  }
  return seen;
}

/** A small seeded random source (mulberry32), uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
