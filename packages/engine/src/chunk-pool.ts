/**
 * Where arenas get their chunks: slabs of some 32 MB, cut into chunks of 256 KB and taken apart again when all of a slab's chunks are back.
 *
 * A slab is large so that the C library maps it by itself and unmaps it when it is freed. Blocks of a chunk's size would end in its heap
 * (glibc's mmap threshold follows what is freed, up to 32 MB), from whose middle nothing ever returns to the operating system. A slab's
 * pages are not resident before they are touched.
 *
 * Unmapping takes some microseconds for each ten pages, so the slabs that one command empties (DEL of a collection of millions, FLUSHALL)
 * would hold up all clients. They wait instead, to be used again or to be given back one at a time by the owner's chores.
 */

/** Size of an ordinary chunk, in bytes. */
export const CHUNK_BYTES = 1 << 18;

/** Just above what glibc's threshold can become: the smaller a slab, the shorter the step in which it is unmapped. */
const SLAB_BYTES = (1 << 25) + CHUNK_BYTES;

interface Slab {
  readonly buffer: ArrayBuffer;
  /** Offsets of chunks that were given back. */
  readonly free: number[];
  /** Offset of the first chunk that was never given out. */
  fresh: number;
  taken: number;
}

/** Frees a buffer's memory at once; the buffer is detached by it. */
export type ReleaseBuffer = (buffer: ArrayBuffer) => void;

export class ChunkPool {
  /** An arena has chunks worth emptying. Who finds none in any takes it back. */
  hasSparse = false;
  readonly #slabs: Slab[] = [];
  /** Slabs without a chunk in use. */
  readonly #emptied: Slab[] = [];
  readonly #release: ReleaseBuffer;

  /** @param release called with what is no longer needed, which the garbage collector would find only much later */
  constructor(release: ReleaseBuffer) {
    this.#release = release;
  }

  /** A chunk's bytes; what is in them is left from before. One of another size is none of the pool's. */
  take(length = CHUNK_BYTES): Uint8Array<ArrayBuffer> {
    if (length !== CHUNK_BYTES) return new Uint8Array(length);
    // The first slab with room: later ones drain and are freed.
    const slab = this.#slabs.find((s) => s.free.length > 0 || s.fresh < SLAB_BYTES) ?? this.#openSlab();
    let offset = slab.free.pop();
    if (offset === undefined) {
      offset = slab.fresh;
      slab.fresh += CHUNK_BYTES;
    }
    slab.taken++;
    return new Uint8Array(slab.buffer, offset, CHUNK_BYTES);
  }

  /** Takes the bytes of a chunk back, also of one that has another size and is none of the pool's. Nobody may use them any more. */
  give(chunk: Uint8Array<ArrayBuffer>): void {
    if (chunk.length !== CHUNK_BYTES) {
      if (chunk.length > CHUNK_BYTES) this.#release(chunk.buffer);
      return;
    }
    const at = this.#slabs.findIndex((s) => s.buffer === chunk.buffer);
    const slab = this.#slabs[at];
    slab.free.push(chunk.byteOffset);
    if (--slab.taken > 0) return;
    this.#slabs.splice(at, 1);
    this.#emptied.push(slab);
  }

  /** Gives one emptied slab back to the system: a step of a few milliseconds, to be taken now and then. Returns whether there was one. */
  releaseSlab(): boolean {
    const slab = this.#emptied.pop();
    if (slab === undefined) return false;
    this.#release(slab.buffer);
    return true;
  }

  #openSlab(): Slab {
    const slab = this.#emptied.pop() ?? { buffer: new ArrayBuffer(SLAB_BYTES), free: [], fresh: 0, taken: 0 };
    this.#slabs.push(slab);
    return slab;
  }
}
