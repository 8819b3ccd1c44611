/**
 * The commands between MULTI and EXEC, as bytes: nothing on the JavaScript heap for any of them, so what is counted is what they cost.
 *
 *   command   [ argc:4 | argumentBytes:4 * argc | arguments ]      padded to 4, one behind the other, none in two blocks
 */
import { copyBytes } from "@hearthkv/engine";
import type { Request } from "@hearthkv/resp";

const FIRST_BLOCK_BYTES = 512;
const BLOCK_BYTES_MAX = 1024 * 1024;
/** What a block costs besides its bytes, about. */
const BLOCK_OVERHEAD_BYTES = 256;

interface Block {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  usedWords: number;
}

export class CommandQueue {
  /** Number of commands. */
  count = 0;
  /** Memory held. */
  bytes = 0;
  readonly #blocks: Block[] = [];

  /** Adds a copy of a request; false when the queue would hold more than `bytesMax` then. */
  push(request: Request, bytesMax: number): boolean {
    const { argc, buf, off, len } = request;
    let argumentBytes = 0;
    for (let i = 0; i < argc; i++) argumentBytes += len[i] as number;
    const needWords = 1 + argc + ((argumentBytes + 3) >>> 2);
    const block = this.#blockFor(needWords, bytesMax);
    if (block === null) return false;
    const { bytes, words, usedWords } = block;
    words[usedWords] = argc;
    let at = (usedWords + 1 + argc) << 2;
    for (let i = 0; i < argc; i++) {
      const length = len[i] as number;
      words[usedWords + 1 + i] = length;
      copyBytes(buf, off[i] as number, bytes, at, length);
      at += length;
    }
    block.usedWords = usedWords + needWords;
    this.count++;
    return true;
  }

  /** Visits the commands in their order: `request` is each of them in turn, and empty at the end. */
  each(request: Request, visit: (request: Request) => void): void {
    for (const block of this.#blocks) {
      for (let w = 0; w < block.usedWords; ) {
        w = readCommand(block, w, request);
        visit(request);
        request.clear();
      }
    }
  }

  /** Forgets the commands. The first block stays, for the next transaction. */
  clear(): void {
    const first = this.#blocks[0];
    this.count = 0;
    if (first === undefined) return;
    const keeps = first.bytes.length === FIRST_BLOCK_BYTES;
    this.#blocks.length = keeps ? 1 : 0;
    this.bytes = keeps ? FIRST_BLOCK_BYTES + BLOCK_OVERHEAD_BYTES : 0;
    first.usedWords = 0;
  }

  /** A block with room for `needWords` more, null where there may be none. */
  #blockFor(needWords: number, bytesMax: number): Block | null {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.usedWords + needWords <= last.words.length) return last;
    const next = last === undefined ? FIRST_BLOCK_BYTES : Math.min(2 * last.bytes.length, BLOCK_BYTES_MAX);
    const size = Math.max(4 * needWords, next);
    if (this.bytes + size + BLOCK_OVERHEAD_BYTES > bytesMax) return null;
    const bytes = Buffer.allocUnsafeSlow(size);
    const block = { bytes, words: new Int32Array(bytes.buffer), usedWords: 0 };
    this.#blocks.push(block);
    this.bytes += size + BLOCK_OVERHEAD_BYTES;
    return block;
  }
}

/** Makes `request` the command that begins at word `w`; returns where the next one begins. */
function readCommand({ bytes, words }: Block, w: number, request: Request): number {
  const argc = words[w] as number;
  request.reserve(argc);
  request.buf = bytes;
  request.argc = argc;
  let offset = (w + 1 + argc) << 2;
  for (let i = 0; i < argc; i++) {
    const length = words[w + 1 + i] as number;
    request.off[i] = offset;
    request.len[i] = length;
    offset += length;
  }
  return (offset + 3) >>> 2;
}
