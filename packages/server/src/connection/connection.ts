/**
 * One client on a socket.
 *
 *   bytes -> decoder -> dispatcher -> replies of this read, left in the dispatcher's writer -> end of the turn -> one write
 *
 * Large replies are written when they are made, if nothing has to be waited for. Replies are copied into buffers of their own only when they
 * must outlive the turn (the log or the client is behind).
 *
 * A turn's share: what one read brings, and some milliseconds of requests that are left from before. Then the client rests until the next turn,
 * so that no client, and no new connection, waits for a whole pipeline.
 *
 * Bounds: requests that cannot run now stay in the kernel (the socket is not read) beyond INPUT_KEEP_BYTES; a client that does
 * not read its replies is not served beyond OUTPUT_PAUSE_BYTES, and closed at its class's limit if messages or requests keep coming.
 */
import type { Socket } from "node:net";
import type { Database } from "@hearthkv/engine";
import { ERROR, MORE, REQUEST, type ReplyWriter, RequestDecoder, SECURITY } from "@hearthkv/resp";
import type { Logger } from "pino";
import {
  ClientState,
  HALT_CLOSING,
  HALT_CONGESTED,
  HALT_RESTING,
  HALT_SLOW,
  HALT_STOPPED,
  HALT_SUSPENDED,
} from "../clients/client-state.js";
import { describeClient } from "../clients/clients.js";
import type { Clock } from "../clock.js";
import type { OutputLimit, Settings } from "../config/settings.js";
import type { Dispatcher } from "../dispatch/dispatch.js";
import type { ServerStats } from "../info/stats.js";
import type { ReplyGate } from "../turn/gate.js";
import type { Outlet, Resting, Runnable, Ticker, TurnReplies } from "../turn/tick.js";
import { WriteMarks } from "../turn/write-marks.js";
import { descriptorOf, writeNow } from "./send.js";

/**
 * Replies are handed over in pieces of about this size, so that a deep pipeline cannot fill the memory before the limits are looked at, and
 * so that what is written is still in the processor's cache.
 */
const REPLY_SLICE_BYTES = 128 * 1024;
/**
 * Above this no further request of the client is run until it has read everything. Large, because many clients send a whole pipeline
 * before they read the first reply, and would wait for ever.
 */
const OUTPUT_PAUSE_BYTES = 64 * 1024 * 1024;
/** Below this no limit is looked at, and replies wait for the turn's end, to leave in one write. */
const OUTPUT_SMALL_BYTES = 64 * 1024;
/** The dispatcher's writer keeps replies of one turn up to about this size. */
const OUTBOX_BYTES_MAX = 1024 * 1024;
/** Requests of a client that has to wait are kept up to this size. */
const INPUT_KEEP_BYTES = 1024 * 1024;
/** Pieces below this are joined, up to the other size, before they are written: a system call for each would hold up everybody. */
const JOIN_BELOW_BYTES = 16 * 1024;
const JOIN_BYTES_MAX = 256 * 1024;
/** Once so many requests of a client have run on end its time is looked at; the share of a turn that it may take from then on. */
const LOOK_EVERY = 32;
const SHARE_MS = 5;
/** Replies from this size on are not copied when the kernel does not take them at once. */
const LARGE_REPLY_BYTES = 1024 * 1024;
const NO_PIECES: readonly Buffer[] = [];
const SECURITY_LOG_EVERY_MS = 60_000;

/** What a connection needs of its server. */
export interface ConnectionServices {
  readonly dispatcher: Dispatcher;
  readonly ticker: Ticker;
  readonly settings: Settings;
  readonly stats: ServerStats;
  readonly logger: Logger;
  readonly clock: Clock;
  /** When a possible attack was logged last, on the monotonic clock: at most one line a minute. */
  securityLoggedMs: number;
  /** The connection is gone for good; called once. */
  forget(connection: Connection): void;
  /** The connection does not wait for a key any more. Does nothing where it does not. */
  unblock(connection: Connection): void;
}

/** A client connected by TCP. */
export class Connection extends ClientState implements Outlet, Resting, Runnable {
  readonly #services: ConnectionServices;
  readonly #decoder: RequestDecoder;
  #socket: Socket | null = null;
  #fd = -1;
  /** Replies of this turn that still lie in the dispatcher's writer, [from, to). Whatever else is collected comes after them. */
  #from = 0;
  #to = 0;
  /** Replies collected in this turn: the first piece, and the rest. */
  #first: Buffer | null = null;
  #more: Buffer[] = [];
  /** Bytes of these pieces, and which of them, one behind the other, are replies to writes; null: none is. */
  #pieceBytes = 0;
  #pieceMarks: WriteMarks | null = null;
  /** Bytes collected or held by the gate, those in the dispatcher's writer included. */
  #waitingBytes = 0;
  #heldCount = 0;
  #isOutlet = false;
  /** Whether the socket is read, but for a rest. */
  #reading = true;
  #resting = false;
  /** The client has closed its direction: nothing more comes. */
  #ended = false;
  /** Since when more than the soft limit waits, on the monotonic clock; 0 = it does not. */
  #softSinceMs = 0;
  #isKeptAlive = false;

  constructor(
    services: ConnectionServices,
    identity: { id: number; address: string; localAddress: string },
    db: Database,
  ) {
    super(identity.id, identity.address, identity.localAddress, services.clock.recentMs, db);
    this.#services = services;
    this.#decoder = new RequestDecoder(services.settings.requestLimits);
  }

  get authenticated(): boolean {
    return this.#decoder.authenticated || this.#services.settings.requestLimits.open;
  }

  set authenticated(value: boolean) {
    this.#decoder.authenticated = value;
    this.plainIn = 0;
  }

  get inputBytes(): number {
    return this.#decoder.bufferedBytes + (this.postponed?.buf.length ?? 0);
  }

  get outputBytes(): number {
    return this.#waitingBytes + (this.#socket?.writableLength ?? 0);
  }

  get held(): boolean {
    return this.#heldCount > 0;
  }

  /** Second half of the construction; the socket is paused and starts to be read here. */
  attach(socket: Socket): void {
    this.#socket = socket;
    this.#fd = descriptorOf(socket);
    socket.on("error", destroyIt);
    socket.on("close", () => this.#gone());
    socket.on("end", () => this.#peerEnded());
    socket.on("drain", () => this.release(HALT_SLOW));
    this.#reading = this.halt === 0;
    // Those who come in a row are read together: the replies leave in one turn, and neither side wakes the other for each.
    if (this.#services.ticker.isAccepting) this.#rest();
    else if (this.#reading) socket.resume();
  }

  /** Takes bytes from the socket; they are valid only during the call. */
  readonly receive = (chunk: Buffer, length: number): void => {
    if ((this.halt & HALT_CLOSING) !== 0) return;
    this.#services.stats.netInputBytes += length;
    this.#decoder.feed(chunk, length);
    if (this.halt === 0) {
      this.proceed();
    } else if (this.#decoder.failed) {
      this.#suspicious();
      this.kill();
    } else {
      this.#keepInput();
    }
    const { stats } = this.#services;
    if (this.#decoder.bufferedBytes > stats.maxInputBuffer) stats.maxInputBuffer = this.#decoder.bufferedBytes;
    // A full buffer: more of it waits, and libuv would read on.
    if (length === chunk.length || this.#services.ticker.isAccepting) this.#rest();
  };

  /** Runs the requests that have arrived. */
  proceed(): void {
    if (this.halt !== 0) return;
    // Not before: the end of what the client sends must not overtake the requests that waited.
    this.#resumeReading();
    const { dispatcher, ticker, clock } = this.#services;
    const decoder = this.#decoder;
    const reply = dispatcher.reply;
    let mark = reply.length;
    this.lastActiveMs = clock.recentMs;
    dispatcher.begin(this);
    if (this.postponed !== null) dispatcher.executePostponed(this, this.postponed);
    let status: number = MORE;
    let endMs = 0;
    for (let run = 1; this.halt === 0; run++) {
      if (run % LOOK_EVERY === 0) {
        const nowMs = clock.monotonicMs();
        if (endMs === 0) endMs = nowMs + SHARE_MS;
        else if (nowMs > endMs) this.#restWithRequests();
      }
      status = decoder.next();
      if (status !== REQUEST) break;
      const ahead = decoder.lookAhead();
      if (ahead >= 0) dispatcher.touchAhead(this, decoder.request, decoder.ahead, ahead);
      dispatcher.execute(this, decoder.request);
      if (reply.length - mark > REPLY_SLICE_BYTES) mark = this.#collectReplies(reply, mark);
    }
    if (status === ERROR) this.#protocolError(reply);
    else if (status === SECURITY) this.#suspicious();
    this.#collectReplies(reply, mark);
    dispatcher.end();
    if (this.halt !== 0) this.#keepInput();
    this.#endIfDone();
    this.#closeIfDone();
    ticker.schedule();
  }

  deliver(bytes: Buffer, sequence = 0): void {
    if (this.closed || this.#exceedsLimits(bytes.length)) return;
    this.#copyOut();
    if (sequence > 0) {
      this.#pieceMarks ??= new WriteMarks();
      this.#pieceMarks.add(this.#pieceBytes, this.#pieceBytes + bytes.length, sequence);
    }
    this.#pieceBytes += bytes.length;
    this.#addPiece(bytes);
  }

  flush(): void {
    this.#isOutlet = false;
    if (this.#from < this.#to) this.#writeFromOutbox();
    else for (const piece of this.#takePieces()) this.#write(piece, 0, piece.length, false);
    this.#goOnIfRead();
    this.#closeIfDone();
  }

  hold(gate: ReplyGate<Outlet>, sequence: number, turnReplies: TurnReplies | null): void {
    this.#isOutlet = false;
    if (turnReplies === null) {
      this.#copyOut();
    } else if (this.#from < this.#to) {
      this.#heldCount++;
      gate.hold(sequence, this, turnReplies.bytes, this.#from, this.#to, turnReplies.marks);
      this.#from = this.#to = 0;
    }
    const marks = this.#pieceMarks;
    let at = 0;
    for (const piece of this.#takePieces()) {
      this.#heldCount++;
      const end = at + piece.length;
      gate.hold(sequence, this, piece, 0, piece.length, marks === null ? null : marks.range(at, end, null, 0));
      at = end;
    }
  }

  transmit(bytes: Buffer, from: number, to: number, heldBytes: number): void {
    this.#heldCount--;
    if (this.closed) return;
    this.#waitingBytes += to - from - heldBytes;
    // A client that does not read must not keep the replies of all others in memory.
    this.#write(bytes, from, to, to - from < bytes.length);
    this.#goOnIfRead();
    this.#closeIfDone();
  }

  wake(): void {
    if (!this.closed) this.#services.ticker.addRunnable(this);
  }

  stand(): void {
    this.halt |= HALT_STOPPED;
    this.#pauseReading();
  }

  closeSoon(): void {
    this.halt |= HALT_CLOSING;
    this.#closeIfDone();
  }

  kill(): void {
    this.halt |= HALT_CLOSING;
    this.#socket?.destroy();
    this.#gone();
  }

  check(nowMs: number): void {
    if (!this.#isKeptAlive) this.#keepAlive();
    if (this.outputBytes > OUTPUT_SMALL_BYTES) this.#exceedsLimits(0);
    else this.#softSinceMs = 0;
    const { timeoutSeconds } = this.#services.settings;
    const idle = nowMs - this.lastActiveMs > timeoutSeconds * 1000;
    const listens = this.subscriptions > 0 || this.isMonitor;
    if (timeoutSeconds > 0 && idle && !this.#waitsForUs && !listens) this.kill();
  }

  /** Here and not when it comes: four system calls less for each of many new connections, and for those that stay for one request. */
  #keepAlive(): void {
    this.#isKeptAlive = true;
    const { tcpKeepaliveSeconds } = this.#services.settings;
    if (tcpKeepaliveSeconds > 0) this.#socket?.setKeepAlive(true, tcpKeepaliveSeconds * 1000);
  }

  /** Whether the next word is ours: a client is not idle that waits for a key, a snapshot, a sync or the log. */
  get #waitsForUs(): boolean {
    return this.blocked || this.held || (this.halt & (HALT_SUSPENDED | HALT_CONGESTED | HALT_RESTING)) !== 0;
  }

  /** Takes what the writer holds from `mark` on; returns the new mark. */
  #collectReplies(reply: ReplyWriter, mark: number): number {
    const end = reply.length;
    const length = end - mark;
    if (length === 0) return mark;
    const small = end <= OUTBOX_BYTES_MAX && this.outputBytes + length <= OUTPUT_SMALL_BYTES;
    const adjoins = this.#first === null && (this.#from === this.#to || this.#to === mark);
    let begin = mark;
    if (adjoins && (small || this.#mayWriteNow())) {
      if (this.#from === this.#to) this.#from = mark;
      begin = this.#from;
      this.#to = end;
      this.#waitingBytes += length;
      if (small) {
        this.#becomeOutlet();
        return end;
      }
      this.#writeFromOutbox();
    } else {
      this.#moveOut(mark, end);
    }
    reply.cut(begin);
    this.#services.dispatcher.writes.cut(begin);
    if (this.outputBytes > OUTPUT_PAUSE_BYTES) {
      this.halt |= HALT_SLOW;
      this.#pauseReading();
    }
    return begin;
  }

  /** Whether replies may leave before the turn ends: the log is not behind, and nothing but what lies in the writer waits for the client. */
  #mayWriteNow(): boolean {
    return this.outputBytes === this.#to - this.#from && this.#services.ticker.isAllAcked;
  }

  #becomeOutlet(): void {
    if (this.#isOutlet) return;
    this.#isOutlet = true;
    this.#services.ticker.addOutlet(this);
  }

  /** Gives replies that still lie in the dispatcher's writer a buffer of their own. */
  #copyOut(): void {
    const from = this.#from;
    const to = this.#to;
    if (from === to) return;
    this.#from = this.#to = 0;
    this.#first = this.#copyOf(from, to);
  }

  /** Makes a piece of replies that lie in the dispatcher's writer and were not collected yet. */
  #moveOut(from: number, to: number): void {
    if (this.closed || this.#exceedsLimits(to - from)) return;
    this.#copyOut();
    this.#addPiece(this.#copyOf(from, to));
  }

  #addPiece(bytes: Buffer): void {
    if (this.#first === null) this.#first = bytes;
    else this.#more.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#becomeOutlet();
  }

  /** A copy of what the dispatcher's writer holds in [from, to), and its marks among those of the pieces: it is the next one. */
  #copyOf(from: number, to: number): Buffer {
    const { reply, writes } = this.#services.dispatcher;
    this.#pieceMarks = writes.range(from, to, this.#pieceMarks, this.#pieceBytes);
    this.#pieceBytes += to - from;
    return Buffer.from(reply.bytes.subarray(from, to));
  }

  /** What was collected apart from the writer, small pieces joined. */
  #takePieces(): readonly Buffer[] {
    const first = this.#first;
    if (first === null) return NO_PIECES;
    const more = this.#more;
    this.#first = null;
    this.#more = [];
    this.#pieceBytes = 0;
    this.#pieceMarks = null;
    return more.length === 0 ? [first] : joinPieces([first, ...more]);
  }

  #writeFromOutbox(): void {
    const from = this.#from;
    const to = this.#to;
    this.#from = this.#to = 0;
    const { reply } = this.#services.dispatcher;
    // A reply that is most of a large buffer takes it along: a copy would be a second one of the whole value.
    const takesAlong = to - from > LARGE_REPLY_BYTES && to - from > reply.bytes.length / 2;
    if (takesAlong) reply.giveAway();
    this.#write(reply.bytes, from, to, !takesAlong);
  }

  /** What the kernel does not take now is the stream's: as a copy where `isLent`, because the bytes are used again or hold much else. */
  #write(bytes: Buffer, from: number, to: number, isLent: boolean): void {
    const length = to - from;
    this.#waitingBytes -= length;
    this.#services.stats.netOutputBytes += length;
    this.lastActiveMs = this.#services.clock.recentMs;
    const socket = this.#socket;
    if (socket === null) return;
    const written = writeNow(socket, this.#fd, bytes, from, length);
    if (written === length) return;
    const rest = bytes.subarray(from + written, to);
    socket.write(isLent ? Buffer.from(rest) : rest);
  }

  /** The socket's 'drain' says when the client has read what the stream had to write. Where the kernel took all at once, nobody says it. */
  #goOnIfRead(): void {
    if ((this.halt & HALT_SLOW) === 0 || this.#waitingBytes > 0 || this.#socket?.writableNeedDrain === true) return;
    this.release(HALT_SLOW);
  }

  /** A closing connection ends when its last reply was handed to the socket. */
  #closeIfDone(): void {
    if ((this.halt & HALT_CLOSING) !== 0 && this.#waitingBytes === 0) this.#socket?.destroySoon();
  }

  #protocolError(reply: ReplyWriter): void {
    reply.error(this.#decoder.error);
    this.#services.stats.countError("ERR");
    this.halt |= HALT_CLOSING;
  }

  #suspicious(): void {
    const { stats, logger, clock } = this.#services;
    const text = this.#decoder.error;
    const nowMs = clock.monotonicMs();
    this.halt |= HALT_CLOSING;
    if (text.startsWith("Closing")) {
      stats.queryLimitDisconnections++;
      logger.warn({ client: describeClient(this, nowMs) }, text);
    } else if (nowMs - this.#services.securityLoggedMs >= SECURITY_LOG_EVERY_MS) {
      this.#services.securityLoggedMs = nowMs;
      logger.warn({ address: this.address }, text);
    }
  }

  /**
   * What cannot run now is copied out of the shared read buffer. Who waits for something that may never come is read on, up to
   * client-query-buffer-limit as in Redis: behind bytes that are not read nobody sees that it has left.
   */
  #keepInput(): void {
    if ((this.halt & HALT_CLOSING) !== 0) return;
    this.#decoder.stash();
    const waits = (this.halt & (HALT_CONGESTED | HALT_RESTING)) !== 0;
    const isTooMuch = this.#decoder.bufferedBytes > INPUT_KEEP_BYTES && !this.blocked && this.abandon === null;
    if (waits || isTooMuch) this.#pauseReading();
  }

  #pauseReading(): void {
    if (!this.#reading) return;
    this.#reading = false;
    if (!this.#resting) this.#socket?.pause();
  }

  #resumeReading(): void {
    if (this.#reading) return;
    this.#reading = true;
    if (!this.#resting) this.#socket?.resume();
  }

  /** The socket has had its share of this turn. */
  #rest(): void {
    if (this.#resting || this.closed) return;
    this.#resting = true;
    if (this.#reading) this.#socket?.pause();
    this.#services.ticker.addResting(this);
  }

  /** So have its requests, of which some are left. */
  #restWithRequests(): void {
    this.halt |= HALT_RESTING;
    this.#rest();
  }

  readOn(): void {
    this.#resting = false;
    if (this.closed) return;
    if (this.#reading) this.#socket?.resume();
    this.release(HALT_RESTING);
  }

  /**
   * Closes the client when too much waits for it. One reply may be larger than the hard limit, as long as nothing waited before it:
   * so that limit is looked at when more comes, and not while the reply is being sent.
   */
  #exceedsLimits(extra: number): boolean {
    const waiting = this.outputBytes;
    if (waiting + extra <= OUTPUT_SMALL_BYTES) return false;
    const { settings, stats, logger, clock } = this.#services;
    if (waiting > stats.maxOutputBuffer) stats.maxOutputBuffer = waiting;
    const { hardBytes, softBytes, softSeconds } = this.#outputLimit(settings);
    const overHard = extra > 0 && hardBytes > 0 && waiting > hardBytes;
    if (!overHard && !this.#softTimeIsUp(waiting, softBytes, softSeconds)) return false;
    stats.outputLimitDisconnections++;
    logger.warn(
      `Client ${describeClient(this, clock.monotonicMs())} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    this.kill();
    return true;
  }

  #outputLimit(settings: Settings): OutputLimit {
    if (!this.authenticated) return { hardBytes: OUTPUT_SMALL_BYTES, softBytes: 0, softSeconds: 0 };
    return this.subscriptions > 0 ? settings.outputLimits.pubsub : settings.outputLimits.normal;
  }

  #softTimeIsUp(waiting: number, softBytes: number, softSeconds: number): boolean {
    if (softBytes === 0 || waiting <= softBytes) {
      this.#softSinceMs = 0;
      return false;
    }
    const nowMs = this.#services.clock.monotonicMs();
    if (this.#softSinceMs === 0) this.#softSinceMs = nowMs;
    return nowMs - this.#softSinceMs > softSeconds * 1000;
  }

  #peerEnded(): void {
    this.#ended = true;
    if (this.halt === 0) this.proceed();
    else this.#endIfDone();
  }

  /** A client that has closed its direction gets what it asked for before, except what may never come (a key, a sync). */
  #endIfDone(): void {
    if (!this.#ended || (this.halt & HALT_CLOSING) !== 0) return;
    const isOwed = (this.halt & HALT_SUSPENDED) !== 0 && this.abandon === null;
    if (isOwed || (this.halt & (HALT_CONGESTED | HALT_SLOW | HALT_RESTING)) !== 0) return;
    this.closeSoon();
    this.#services.unblock(this);
    this.abandon?.();
    this.abandon = null;
  }

  #gone(): void {
    if (this.closed) return;
    this.closed = true;
    this.halt |= HALT_CLOSING;
    this.#from = this.#to = 0;
    this.#first = null;
    this.#more = [];
    this.#pieceBytes = 0;
    this.#pieceMarks = null;
    this.#waitingBytes = 0;
    this.postponed = null;
    this.#services.forget(this);
  }
}

/** One for all sockets. */
function destroyIt(this: Socket): void {
  this.destroy();
}

/** The same bytes in fewer pieces. Large ones stay as they are: messages that many subscribers share. */
function joinPieces(pieces: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = [];
  let run: Buffer[] = [];
  let runBytes = 0;
  const endRun = (): void => {
    if (run.length > 0) joined.push(run.length === 1 ? (run[0] as Buffer) : Buffer.concat(run, runBytes));
    run = [];
    runBytes = 0;
  };
  for (const piece of pieces) {
    const isLarge = piece.length >= JOIN_BELOW_BYTES;
    if (isLarge || runBytes + piece.length > JOIN_BYTES_MAX) endRun();
    if (isLarge) {
      joined.push(piece);
    } else {
      run.push(piece);
      runBytes += piece.length;
    }
  }
  endRun();
  return joined;
}
