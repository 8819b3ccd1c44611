/*
 * A file of a faulty disk, in 512-byte sectors: what the process sees of it, and what a power loss may leave.
 *
 *   dirty      written since the last sync began
 *   in flight  being synced
 *   lost       a sync of them failed: they count as clean, no later sync writes them, the process still sees them
 *   kept       everything else: the disk has it
 *
 * A sector that is not kept may come back as it was before, as written, as zeros, as garbage, or with what stood there
 * in a removed file. Only bytes written since the sync are at stake: a sector's other bytes are never harmed, without
 * which no file could be appended to ("powersafe overwrite"); nor are bytes that are written again as the disk has them.
 */
export const SECTOR_BYTES = 512;

/** Bytes of one sector, as offsets in the file. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** What one sync covers. */
export interface Flush {
  readonly sectors: ReadonlyMap<number, Span & { readonly bytes: Uint8Array }>;
  readonly shortest: number;
  readonly longest: number;
}

/** How often the system writes a sector to the disk by itself before the process changes it again. */
const WRITE_BACK_CHANCE = 1 / 4;

export class FaultyFile {
  size = 0;
  /** Its number, which it keeps over a power loss. */
  readonly inode: number;
  readonly #random: () => number;
  #seen = new Uint8Array(0);
  #kept = new Uint8Array(0);
  readonly #dirty = new Map<number, Span>();
  readonly #lost = new Map<number, Span>();
  #inFlight: Flush | null = null;
  /** Sizes the file had since the last sync began: the one after a power loss lies between. */
  #shortest = 0;
  #longest = 0;

  /** A file that holds `bytes`, all synced. */
  constructor(random: () => number, inode: number, bytes: Uint8Array = new Uint8Array(0)) {
    this.inode = inode;
    this.#random = random;
    this.#seen = Uint8Array.from(bytes);
    this.#kept = Uint8Array.from(bytes);
    this.size = this.#shortest = this.#longest = bytes.length;
  }

  read(into: Uint8Array, off: number, len: number, position: number): number {
    const count = Math.max(0, Math.min(len, this.size - position));
    into.set(this.#seen.subarray(position, position + count), off);
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#reserve(end);
    this.#touch(Math.min(position, this.size), end);
    this.#seen.set(bytes, position);
    this.#resized(Math.max(this.size, end));
  }

  truncate(length: number): void {
    this.#reserve(length);
    this.#touch(Math.min(length, this.size), Math.max(length, this.size));
    this.#seen.fill(0, length);
    this.#resized(length);
  }

  /** What the process sees, in a copy. */
  contents(): Uint8Array {
    return this.#seen.slice(0, this.size);
  }

  /** A sync begins: it covers what was written until now. It waits for one that is under way. */
  beginSync(): Flush {
    if (this.#inFlight !== null) this.endSync(this.#inFlight);
    const sectors = new Map<number, Span & { bytes: Uint8Array }>();
    for (const [sector, { from, to }] of this.#dirty) {
      sectors.set(sector, { from, to, bytes: this.#seen.slice(from, to) });
    }
    this.#inFlight = { sectors, shortest: this.#shortest, longest: this.#longest };
    this.#dirty.clear();
    this.#shortest = this.#longest = this.size;
    return this.#inFlight;
  }

  /** It ended well: what it covers is kept. */
  endSync(flush: Flush): void {
    if (this.#inFlight !== flush) return;
    this.#inFlight = null;
    for (const { from, bytes } of flush.sectors.values()) this.#kept.set(bytes, from);
  }

  /** It failed: what it covers is lost, and nobody will be told again. */
  failSync(flush: Flush): void {
    if (this.#inFlight !== flush) return;
    this.#inFlight = null;
    for (const [sector, span] of flush.sectors) {
      const dirty = this.#dirty.get(sector);
      if (dirty === undefined) this.#lost.set(sector, span);
      else this.#dirty.set(sector, union(dirty, span));
    }
    this.#shortest = Math.min(this.#shortest, flush.shortest);
    this.#longest = Math.max(this.#longest, flush.longest);
  }

  /** One of the contents it may have after a power loss. `recycled`: of removed files, whose sectors it may have got. */
  afterPowerLoss(recycled: readonly Uint8Array[]): Uint8Array {
    const image = Uint8Array.from(this.#kept);
    const written = extreme(this.#random);
    const shortest = Math.min(this.#shortest, this.#inFlight?.shortest ?? this.#shortest);
    const longest = Math.max(this.#longest, this.#inFlight?.longest ?? this.#longest);
    const settle = (from: number, bytes: Uint8Array) => {
      if (this.#random() < written) image.set(bytes, from);
      else this.#harm(image, from, bytes, shortest, recycled);
    };
    for (const { from, bytes } of this.#inFlight?.sectors.values() ?? []) settle(from, bytes);
    for (const spans of [this.#lost, this.#dirty]) {
      for (const { from, to } of spans.values()) settle(from, this.#seen.subarray(from, to));
    }
    return image.subarray(0, shortest + Math.round((longest - shortest) * extreme(this.#random)));
  }

  /** What a sector that was not written is instead. Below `shortest` the disk has bytes: those that are equal stay. */
  #harm(image: Uint8Array, from: number, bytes: Uint8Array, shortest: number, recycled: readonly Uint8Array[]): void {
    const random = this.#random;
    const kind = Math.floor(random() * 4);
    if (kind === 0) return;
    const stale = kind === 1 ? recycled[Math.floor(random() * recycled.length)] : undefined;
    for (let i = 0; i < bytes.length; i++) {
      const at = from + i;
      if (at < shortest && image[at] === bytes[i]) continue;
      image[at] = kind === 2 ? 0 : (stale?.[at] ?? random() * 256);
    }
  }

  /** These bytes are about to change. */
  #touch(from: number, to: number): void {
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector++) {
      const before = this.#dirty.get(sector) ?? this.#lost.get(sector);
      const span = { from: Math.max(from, sector * SECTOR_BYTES), to: Math.min(to, (sector + 1) * SECTOR_BYTES) };
      this.#dirty.set(sector, before === undefined ? span : union(before, span));
      this.#lost.delete(sector);
      if (before !== undefined && this.#random() < WRITE_BACK_CHANCE) {
        this.#kept.set(this.#seen.subarray(before.from, before.to), before.from);
      }
    }
  }

  #resized(size: number): void {
    this.size = size;
    this.#shortest = Math.min(this.#shortest, size);
    this.#longest = Math.max(this.#longest, size);
  }

  #reserve(size: number): void {
    if (size <= this.#seen.length) return;
    const capacity = Math.max(size, 2 * this.#seen.length);
    this.#seen = grown(this.#seen, capacity);
    this.#kept = grown(this.#kept, capacity);
  }
}

/** A chance for a whole power loss: nothing, everything, or something between; the extremes are where bugs are. */
function extreme(random: () => number): number {
  const kind = random();
  return kind < 0.25 ? 0 : kind < 0.5 ? 1 : random();
}

function union(a: Span, b: Span): Span {
  return { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) };
}

function grown(bytes: Uint8Array, capacity: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(capacity);
  larger.set(bytes);
  return larger;
}
