/** Sorted sets of one database. */
import { textsBytes } from "./collection-store.js";
import { OP_ZSET_ADD, OP_ZSET_REMOVE } from "./ops.js";
import { SetStore } from "./set-store.js";
import { ZsetValue } from "./types/index.js";

export class ZsetStore extends SetStore {
  /** Gives members their scores (scores[i] for members[i]); returns how many members are new. Scores are never NaN. */
  zsetAdd(buf: Uint8Array, off: number, len: number, scores: readonly number[], members: readonly string[]): number {
    const zset = this.open(buf, off, len, newZset);
    const before = zset.bytes;
    const size = zset.size;
    for (let i = 0; i < members.length; i++) zset.add(members[i], scores[i]);
    this.close(buf, off, len, zset, before);
    const { effects } = this.keyspace;
    if (effects.enabled) {
      effects.beginKey(OP_ZSET_ADD, this.index, buf, off, len, members.length * 8 + textsBytes(members));
      for (let i = 0; i < members.length; i++) {
        effects.f64(scores[i]);
        effects.text(members[i]);
      }
      effects.end();
    }
    return zset.size - size;
  }

  /** Removes members; returns how many there were. */
  zsetRemove(buf: Uint8Array, off: number, len: number, members: readonly string[]): number {
    const zset = this.find<ZsetValue>(buf, off, len);
    if (zset === null) return 0;
    const before = zset.bytes;
    const gone = members.filter((member) => zset.delete(member));
    if (gone.length === 0) return 0;
    this.logTexts(OP_ZSET_REMOVE, buf, off, len, gone);
    this.close(buf, off, len, zset, before);
    return gone.length;
  }
}

const newZset = (): ZsetValue => new ZsetValue();
