/** Elements of a full block. A power of two: positions in full blocks are found by shifting. */
export const BLOCK_MAX = 128;

// Free places made in front of a small block when something is pushed there; doubled each time.
const HEAD_ROOM_MIN = 8;

/**
 * Up to {@link BLOCK_MAX} neighbouring elements of a list:
 *
 *   items  [ "" "" "" | a b c d ]        start = 3, elements are items[start ..]
 *
 * The tail grows as the array grows. The head grows into the free places before `start`, which are made (at most
 * BLOCK_MAX items move) when there are none. So a block of a short list is short, and both ends are O(1).
 */
export class ListBlock {
  items: string[] = [];
  start = 0;

  get size(): number {
    return this.items.length - this.start;
  }

  get(i: number): string {
    return this.items[this.start + i];
  }

  /** False when there is no room behind the last element. */
  pushTail(value: string): boolean {
    if (this.items.length === BLOCK_MAX) return false;
    this.items.push(value);
    return true;
  }

  /** False when the block is full. */
  pushHead(value: string): boolean {
    if (this.start === 0) {
      const room = Math.min(BLOCK_MAX - this.items.length, Math.max(HEAD_ROOM_MIN, this.items.length));
      if (room === 0) return false;
      this.items = new Array<string>(room).fill("").concat(this.items);
      this.start = room;
    }
    this.items[--this.start] = value;
    return true;
  }

  /** The block must not be empty. */
  popTail(): string {
    return this.items.pop()!;
  }

  /** The block must not be empty. */
  popHead(): string {
    const value = this.items[this.start];
    this.items[this.start++] = "";
    return value;
  }

  /** Inserts before element `i` (0 .. size); the block must not be full. */
  insert(i: number, value: string): void {
    this.#dropHeadRoom();
    this.items.splice(i, 0, value);
  }

  /** Removes `count` elements from element `i`. */
  remove(i: number, count: number): void {
    this.items.splice(this.start + i, count);
  }

  /** Cuts the upper half off and returns it as a block of its own. */
  split(): ListBlock {
    this.#dropHeadRoom();
    const upper = new ListBlock();
    const middle = this.items.length >> 1;
    upper.items = this.items.slice(middle);
    this.items.length = middle;
    return upper;
  }

  /** Takes over the elements of the block behind this one; both together must fit. */
  absorb(next: ListBlock): void {
    this.#dropHeadRoom();
    for (let i = 0; i < next.size; i++) this.items.push(next.get(i));
  }

  #dropHeadRoom(): void {
    if (this.start === 0) return;
    this.items = this.items.slice(this.start);
    this.start = 0;
  }
}
