/**
 * Patterns of SORT's BY and GET: the name of a key with a star where the element goes, and behind an arrow the field of a hash.
 *
 *   weight_*        the string at weight_ELEMENT
 *   object_*->name  the field name of the hash at object_ELEMENT
 *   #               the element itself
 *
 * Redis looks for star and arrow as in a C string: what stands behind a zero byte is neither.
 */
import { copyBytes, type Database, KEY_BYTES_MAX, TYPE_HASH, TYPE_STRING } from "@hearthkv/engine";

const STAR = 42;
const HASH_SIGN = 35;
const ARROW = "->";

export class SortPattern {
  /** The element itself. */
  readonly isElement: boolean;
  /** The same key for all elements: there is nothing to be looked up. */
  readonly isConstant: boolean;
  readonly #pattern: Buffer;
  readonly #star: number;
  /** Where the key's part behind the star ends. */
  readonly #keyEnd: number;
  readonly #field: Buffer | null;
  #key = Buffer.alloc(64);

  /** @param pattern is kept: bytes of its own, or valid while this is used */
  constructor(pattern: Buffer) {
    const zero = pattern.indexOf(0);
    const text = zero < 0 ? pattern : pattern.subarray(0, zero);
    const arrow = text.indexOf(ARROW, text.indexOf(STAR) + 1);
    this.#pattern = pattern;
    this.#star = text.indexOf(STAR);
    this.isElement = text.length === 1 && text[0] === HASH_SIGN;
    this.isConstant = this.#star < 0;
    const hasField = arrow >= 0 && arrow + ARROW.length < text.length;
    this.#field = hasField ? pattern.subarray(arrow + ARROW.length) : null;
    this.#keyEnd = hasField ? arrow : pattern.length;
  }

  /** Looks up what the pattern says for an element; true when it is there, in valueBuf, valueOff and valueLen of `db.keys`. */
  find(db: Database, buf: Uint8Array, off: number, len: number): boolean {
    if (this.isConstant) return false;
    const length = this.#keyEnd - 1 + len;
    if (length > KEY_BYTES_MAX) return false;
    if (length > this.#key.length) this.#key = Buffer.allocUnsafe(2 * length);
    const key = this.#key;
    const star = this.#star;
    copyBytes(this.#pattern, 0, key, 0, star);
    copyBytes(buf, off, key, star, len);
    copyBytes(this.#pattern, star + 1, key, star + len, this.#keyEnd - star - 1);
    const type = db.keys.lookupRead(key, 0, length);
    if (this.#field === null) return type === TYPE_STRING;
    return type === TYPE_HASH && db.hashes.get(this.#field, 0, this.#field.length);
  }
}
