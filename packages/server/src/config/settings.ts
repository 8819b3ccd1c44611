/** What CONFIG SET may change while the server runs, as plain values. The parts read them where they act. */
import { createHash, timingSafeEqual } from "node:crypto";
import { type DecoderLimits, defaultLimits } from "@hearthkv/resp";

/** Limit of the output waiting for one client; 0 = none. */
export interface OutputLimit {
  /** The client is closed as soon as this much waits. */
  hardBytes: number;
  /** The client is closed when this much has waited for `softSeconds` on end. */
  softBytes: number;
  softSeconds: number;
}

const MEGABYTE = 1024 * 1024;

/** Values with the meaning and defaults of Redis's parameters of the same name, except where noted. */
export class Settings {
  /** New connections above it are refused. */
  maxclients = 10_000;
  protectedMode = true;
  /** Idle clients are closed after so many seconds; 0 = never. */
  timeoutSeconds = 0;
  tcpKeepaliveSeconds = 300;
  /** Limits of requests, shared with every decoder: proto-max-bulk-len and client-query-buffer-limit change it in place. */
  readonly requestLimits: { -readonly [K in keyof DecoderLimits]: DecoderLimits[K] } = { ...defaultLimits };
  /** Redis has no limit for normal clients; ours is finite, so that one that never reads cannot eat the memory. */
  outputLimits: { normal: OutputLimit; replica: OutputLimit; pubsub: OutputLimit } = {
    normal: { hardBytes: 256 * MEGABYTE, softBytes: 0, softSeconds: 0 },
    replica: { hardBytes: 256 * MEGABYTE, softBytes: 64 * MEGABYTE, softSeconds: 60 },
    pubsub: { hardBytes: 32 * MEGABYTE, softBytes: 8 * MEGABYTE, softSeconds: 60 },
  };

  /** Called when a password was set: who had none to give has one now. */
  onPassword: () => void = () => {};

  #password = "";
  #passwordDigest = digest(Buffer.alloc(0));

  /** Password of the default user as a latin1 string, "" = none is required. */
  get requirepass(): string {
    return this.#password;
  }

  set requirepass(password: string) {
    this.#password = password;
    this.#passwordDigest = digest(Buffer.from(password, "latin1"));
    this.requestLimits.open = password === "";
    this.onPassword();
  }

  /** Compares in a time that tells nothing about the password. */
  isPassword(candidate: Uint8Array): boolean {
    return timingSafeEqual(digest(candidate), this.#passwordDigest);
  }
}

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
