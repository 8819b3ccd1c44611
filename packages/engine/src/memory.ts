/**
 * The memory in which everything lies: records, indexes and the parts of collections. It is flat: a few large slabs, and addresses in them.
 *
 *   slab      32 MB, cut into 128 chunks of 256 KB
 *   chunk     free, or cut into blocks of one size, or taken whole, or part of a run of chunks
 *   address   slab * 2^22 + unit of 8 bytes in it      32 bits, 0 = none (slabs count from 1)
 *
 *   words[address >>> SLAB_SHIFT][((address & UNIT_MASK) << 1) + word]
 *   bytes[address >>> SLAB_SHIFT][((address & UNIT_MASK) << 3) + byte]
 *
 * So a reference costs one load from a table of few entries, the same for everybody, and then the load of what is wanted: no list of views
 * on the way that is not in the processor's cache. Whoever takes a block owns it until it gives it back, and there is no other bookkeeping.
 * Addresses have 32 bits, so a memory ends at 32 GB; a keyspace has several where the machine has more (Keyspace.memories).
 *
 * A slab is so large that the C library maps it by itself and unmaps it when it is freed. Smaller ones would end in its heap (glibc's mmap
 * threshold follows what is freed, up to 32 MB), from whose middle nothing ever returns to the operating system. A slab's pages are not resident
 * before they are touched. What is larger than a slab has one of its own, of its own size.
 *
 * Unmapping takes some microseconds for each ten pages, so the slabs that one command empties (DEL of a collection of millions, FLUSHALL)
 * would hold up all clients. They wait instead, to be used again or to be given back one at a time by the owner's chores.
 */

/** An address is shifted so far to get the number of its slab. */
export const SLAB_SHIFT = 22;
/** Mask of an address's unit in its slab. */
export const UNIT_MASK = (1 << SLAB_SHIFT) - 1;
/** With the C library's header just above what its threshold can become: the smaller a slab, the shorter the step in which it is unmapped. */
export const SLAB_BYTES = 1 << 25;
/** Size of a chunk, in bytes. */
export const CHUNK_BYTES = 1 << 18;

/** An address is shifted so far to get the number of its chunk. */
const CHUNK_SHIFT = 15;
const CHUNK_UNITS = 1 << CHUNK_SHIFT;
const CHUNKS = SLAB_BYTES / CHUNK_BYTES;
/** Numbers of 10 bits: the rest of an address. */
const SLABS_MAX = 1 << 10;

/**
 * Sizes of blocks. Powers of two, so that what grows by doubling finds its size, and steps of at most a quarter between them where elements
 * of lists make blocks of any size: so a large one wastes no more. What is larger is a run of whole chunks.
 */
const SIZES = [
  64, 128, 256, 512, 1024, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480,
  24576, 28672, 32768, 40960, 52416, 65536, 87360, 131072,
];
const STEP = 64;
const STEP_SHIFT = 6;
const LARGEST = 131072;
/** Number of the smallest size that holds so many steps of 64 bytes. */
const SIZE_OF = new Uint8Array(LARGEST / STEP + 1);
for (let i = 0, k = 0; i < SIZE_OF.length; i++) SIZE_OF[i] = SIZES[k] >= i * STEP ? k : ++k;

// Words of a chunk's entry in the table.
/** Bytes of a block; of a run's first chunk those of the run; 0 = free, or inside a run. */
const BYTES = 0;
/** Blocks that are taken. */
const TAKEN = 1;
/** Address of the block that was given back last, 0 = none; its first word has the one before it. */
const GIVEN = 2;
/** Blocks that were taken at least once. */
const FRESH = 3;
/** Number of the next chunk with blocks of this size that has room, 0 = none; and of the one before it. */
const NEXT = 4;
const PREVIOUS = 5;
/** Number of its size in SIZES. */
const KIND = 6;
/** Blocks that it holds. */
const BLOCKS = 7;
const ENTRY_SHIFT = 3;

const NO_BYTES = new Uint8Array(0);
const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);
/** Slab 0 holds nothing: what is read at the address 0, some words behind it included, is 0. */
const NO_RECORD = new Int32Array(64);

interface Slab {
  readonly number: number;
  readonly buffer: ArrayBuffer;
  /** 1 for each chunk that is not free. */
  readonly used: Uint8Array;
  free: number;
}

/** What is gone and still has blocks: a large list, or the tree of a large sorted set. */
export interface Discarded {
  /** Gives some of them back; returns whether there are more. */
  dropSome(): boolean;
}

/** Frees a buffer's memory at once; the buffer is detached by it. */
export type ReleaseBuffer = (buffer: ArrayBuffer) => void;

/** Blocks of any size by their addresses. Everybody may read and write `words`, `bytes` and `doubles`; only Memory changes the tables. */
export class Memory {
  /** 32-bit words of each slab, by its number; empty where there is none. */
  readonly words: Int32Array<ArrayBuffer>[] = [NO_RECORD];
  /** Bytes of each slab. */
  readonly bytes: Uint8Array<ArrayBuffer>[] = [NO_BYTES];
  /** Doubles of each slab. */
  readonly doubles: Float64Array<ArrayBuffer>[] = [NO_DOUBLES];
  /** Bytes of all blocks that are taken. */
  takenBytes = 0;
  /** An arena has chunks worth emptying. Who finds none in any takes it back. */
  hasSparse = false;
  /** What gives its blocks back step by step: see giveDiscarded(). */
  readonly discarded: Discarded[] = [];
  /** An entry for each chunk of each slab. */
  #table = new Int32Array(CHUNKS << (ENTRY_SHIFT + 2));
  /** For each size the first chunk that has room, 0 = none. */
  readonly #rooms = new Int32Array(SIZES.length);
  /** Slabs in which something is taken. */
  readonly #slabs: Slab[] = [];
  /** Slabs in which nothing is. */
  readonly #emptied: Slab[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #release: ReleaseBuffer;

  /** @param release called with what is no longer needed, which the garbage collector would find only much later */
  constructor(release: ReleaseBuffer = () => {}) {
    this.#release = release;
  }

  /**
   * Takes a block of at least `size` bytes and returns its address. What is in it is left from before.
   * @throws RangeError when the system has no memory, or 32 GB are taken
   */
  take(size: number): number {
    if (size > LARGEST) return size > SLAB_BYTES ? this.#takeSlab(size) : this.#takeRun(Math.ceil(size / CHUNK_BYTES));
    const kind = SIZE_OF[(size + STEP - 1) >>> STEP_SHIFT];
    let chunk = this.#rooms[kind];
    if (chunk === 0) chunk = this.#openChunk(kind);
    const table = this.#table;
    const e = chunk << ENTRY_SHIFT;
    let address = table[e + GIVEN];
    if (address === 0) address = (chunk << CHUNK_SHIFT) | (table[e + FRESH]++ * (table[e + BYTES] >>> 3));
    else table[e + GIVEN] = this.words[address >>> SLAB_SHIFT][(address & UNIT_MASK) << 1];
    if (++table[e + TAKEN] === table[e + BLOCKS]) this.#unlink(chunk);
    this.takenBytes += table[e + BYTES];
    return address;
  }

  /** Takes a block back. Nobody may use it any more. */
  give(address: number): void {
    const table = this.#table;
    const chunk = address >>> CHUNK_SHIFT;
    const e = chunk << ENTRY_SHIFT;
    const bytes = table[e + BYTES];
    this.takenBytes -= bytes;
    if (bytes > SLAB_BYTES) {
      this.#dropSlab(address >>> SLAB_SHIFT);
      return;
    }
    if (bytes >= CHUNK_BYTES) {
      this.#freeChunks(chunk, bytes / CHUNK_BYTES);
      return;
    }
    this.words[address >>> SLAB_SHIFT][(address & UNIT_MASK) << 1] = table[e + GIVEN];
    table[e + GIVEN] = address;
    if (table[e + TAKEN]-- === table[e + BLOCKS]) this.#link(chunk);
    if (table[e + TAKEN] > 0) return;
    this.#unlink(chunk);
    this.#freeChunks(chunk, 1);
  }

  /** Bytes of a block: what was asked for, or some more. */
  sizeOf(address: number): number {
    return this.#table[((address >>> CHUNK_SHIFT) << ENTRY_SHIFT) + BYTES];
  }

  /**
   * Address of the block in which an address lies. Only for sizes that are powers of two up to a chunk's; of a larger block the address must be
   * in its first chunk.
   */
  blockOf(address: number): number {
    const units = this.sizeOf(address) >>> 3;
    return address & -Math.min(units, CHUNK_UNITS);
  }

  /** A view of a block. */
  view(address: number): Uint8Array<ArrayBuffer> {
    const { buffer } = this.bytes[address >>> SLAB_SHIFT];
    return new Uint8Array(buffer, (address & UNIT_MASK) << 3, this.sizeOf(address));
  }

  /** Bytes of all slabs. Of them those are resident that were ever touched. */
  get heldBytes(): number {
    let held = 0;
    for (const slab of this.bytes) held += slab.length;
    return held;
  }

  /** Takes a step in giving back the blocks of what is discarded; returns whether there was anything to do. */
  giveDiscarded(): boolean {
    const last = this.discarded.at(-1);
    if (last === undefined) return false;
    if (!last.dropSome()) this.discarded.pop();
    return true;
  }

  /** Gives one emptied slab back to the system: a step of a few milliseconds, to be taken now and then. Returns whether there was one. */
  releaseSlab(): boolean {
    const slab = this.#emptied.pop();
    if (slab === undefined) return false;
    this.#dropSlab(slab.number);
    return true;
  }

  /** Cuts a chunk into blocks of a size; returns its number. */
  #openChunk(kind: number): number {
    // Before the memory grows, what is no longer needed goes: so it cannot pile up, either.
    if (this.discarded.length > 0) {
      this.giveDiscarded();
      if (this.#rooms[kind] !== 0) return this.#rooms[kind];
    }
    const chunk = this.#takeChunks(1);
    const e = chunk << ENTRY_SHIFT;
    const table = this.#table;
    const bytes = SIZES[kind];
    table[e + BYTES] = bytes;
    table[e + TAKEN] = 0;
    table[e + GIVEN] = 0;
    table[e + FRESH] = 0;
    table[e + KIND] = kind;
    table[e + BLOCKS] = Math.floor(CHUNK_BYTES / bytes);
    this.#link(chunk);
    return chunk;
  }

  /** A chunk of blocks has room. */
  #link(chunk: number): void {
    const table = this.#table;
    const e = chunk << ENTRY_SHIFT;
    const kind = table[e + KIND];
    const next = this.#rooms[kind];
    table[e + NEXT] = next;
    table[e + PREVIOUS] = 0;
    if (next !== 0) table[(next << ENTRY_SHIFT) + PREVIOUS] = chunk;
    this.#rooms[kind] = chunk;
  }

  /** A chunk of blocks has no room any more, or no blocks. */
  #unlink(chunk: number): void {
    const table = this.#table;
    const e = chunk << ENTRY_SHIFT;
    const next = table[e + NEXT];
    const previous = table[e + PREVIOUS];
    if (next !== 0) table[(next << ENTRY_SHIFT) + PREVIOUS] = previous;
    if (previous !== 0) table[(previous << ENTRY_SHIFT) + NEXT] = next;
    else this.#rooms[table[e + KIND]] = next;
  }

  #takeRun(count: number): number {
    const chunk = this.#takeChunks(count);
    this.#table[(chunk << ENTRY_SHIFT) + BYTES] = count * CHUNK_BYTES;
    this.takenBytes += count * CHUNK_BYTES;
    return chunk << CHUNK_SHIFT;
  }

  /** Finds `count` free chunks side by side; returns the number of the first. */
  #takeChunks(count: number): number {
    // The first slab with room: later ones drain and are freed.
    for (const slab of this.#slabs) {
      if (slab.free < count) continue;
      const at = freeRun(slab.used, count);
      if (at >= 0) return this.#useChunks(slab, at, count);
    }
    const slab = this.#openSlab();
    return this.#useChunks(slab, freeRun(slab.used, count), count);
  }

  #useChunks(slab: Slab, at: number, count: number): number {
    slab.used.fill(1, at, at + count);
    slab.free -= count;
    return slab.number * CHUNKS + at;
  }

  #freeChunks(chunk: number, count: number): void {
    this.#table[(chunk << ENTRY_SHIFT) + BYTES] = 0;
    const number = Math.floor(chunk / CHUNKS);
    const at = this.#slabs.findIndex((s) => s.number === number);
    const slab = this.#slabs[at];
    slab.used.fill(0, chunk % CHUNKS, (chunk % CHUNKS) + count);
    slab.free += count;
    if (slab.free < CHUNKS) return;
    this.#slabs.splice(at, 1);
    this.#emptied.push(slab);
  }

  #openSlab(): Slab {
    let slab = this.#emptied.pop();
    if (slab === undefined) {
      const buffer = new ArrayBuffer(SLAB_BYTES);
      slab = { number: this.#addSlab(buffer), buffer, used: new Uint8Array(CHUNKS), free: CHUNKS };
    }
    this.#slabs.push(slab);
    return slab;
  }

  /** A slab of its own for one block. */
  #takeSlab(size: number): number {
    const bytes = (size + 7) & ~7;
    const number = this.#addSlab(new ArrayBuffer(bytes));
    this.#table[(number * CHUNKS) << ENTRY_SHIFT] = bytes;
    this.takenBytes += bytes;
    return number << SLAB_SHIFT;
  }

  #addSlab(buffer: ArrayBuffer): number {
    const number = this.#freeNumbers.at(-1) ?? this.words.length;
    if (number >= SLABS_MAX) throw new RangeError("a memory of 32 GB is full");
    const entries = ((number + 1) * CHUNKS) << ENTRY_SHIFT;
    if (entries > this.#table.length) {
      const larger = new Int32Array(entries * 2);
      larger.set(this.#table);
      this.#table = larger;
    }
    this.#freeNumbers.pop();
    this.words[number] = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
    this.bytes[number] = new Uint8Array(buffer);
    this.doubles[number] = new Float64Array(buffer);
    return number;
  }

  #dropSlab(number: number): void {
    const { buffer } = this.bytes[number];
    this.words[number] = NO_WORDS;
    this.bytes[number] = NO_BYTES;
    this.doubles[number] = NO_DOUBLES;
    this.#freeNumbers.push(number);
    this.#release(buffer);
  }
}

/** Where `count` free chunks lie side by side, -1 = nowhere. Runs are looked for from the end on: there single ones leave room for them longer. */
function freeRun(used: Uint8Array, count: number): number {
  if (count === 1) return used.indexOf(0);
  for (let end = used.lastIndexOf(0); end >= count - 1; end = used.lastIndexOf(0, end - 1)) {
    const taken = used.lastIndexOf(1, end);
    if (end - taken >= count) return end - count + 1;
    if (taken <= 0) break;
    end = taken;
  }
  return -1;
}
