import type { ListBlock } from "./list-block.js";

/** The blocks of a list in their order: a circular array, so that blocks come and go at both ends without moving. */
export class BlockRing {
  // The length is a power of two, so that positions wrap with a mask.
  #slots: (ListBlock | null)[] = [null];
  #first = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Block `i`, 0 .. count-1. */
  get(i: number): ListBlock {
    return this.#slots[(this.#first + i) & (this.#slots.length - 1)]!;
  }

  pushFirst(block: ListBlock): void {
    this.#growIfFull();
    this.#first = (this.#first - 1) & (this.#slots.length - 1);
    this.#count++;
    this.#put(0, block);
  }

  pushLast(block: ListBlock): void {
    this.#growIfFull();
    this.#put(this.#count++, block);
  }

  dropFirst(): void {
    this.#put(0, null);
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.#count--;
    this.#shrinkIfSparse();
  }

  dropLast(): void {
    this.#put(--this.#count, null);
    this.#shrinkIfSparse();
  }

  /** Puts a block before block `i`, moving those on the shorter side. */
  insert(i: number, block: ListBlock): void {
    if (i < this.#count >> 1) {
      this.pushFirst(block);
      for (let k = 0; k < i; k++) this.#put(k, this.get(k + 1));
    } else {
      this.pushLast(block);
      for (let k = this.#count - 1; k > i; k--) this.#put(k, this.get(k - 1));
    }
    this.#put(i, block);
  }

  /** Takes block `i` out, moving those on the shorter side. */
  remove(i: number): void {
    if (i < this.#count >> 1) {
      for (let k = i; k > 0; k--) this.#put(k, this.get(k - 1));
      this.dropFirst();
    } else {
      for (let k = i; k < this.#count - 1; k++) this.#put(k, this.get(k + 1));
      this.dropLast();
    }
  }

  /** Replaces all blocks. */
  assign(blocks: readonly ListBlock[]): void {
    let capacity = 1;
    while (capacity < blocks.length) capacity *= 2;
    this.#slots = new Array<ListBlock | null>(capacity).fill(null);
    this.#first = 0;
    this.#count = blocks.length;
    for (let i = 0; i < blocks.length; i++) this.#slots[i] = blocks[i];
  }

  #put(i: number, block: ListBlock | null): void {
    this.#slots[(this.#first + i) & (this.#slots.length - 1)] = block;
  }

  #growIfFull(): void {
    if (this.#count === this.#slots.length) this.#resize(this.#count * 2);
  }

  #shrinkIfSparse(): void {
    if (this.#slots.length > 4 && this.#count < this.#slots.length >> 2) this.#resize(this.#slots.length >> 1);
  }

  #resize(capacity: number): void {
    const slots = new Array<ListBlock | null>(capacity).fill(null);
    for (let i = 0; i < this.#count; i++) slots[i] = this.get(i);
    this.#slots = slots;
    this.#first = 0;
  }
}
