/** Sets of one database. */
import { ListStore } from "./list-store.js";
import { OP_SET_ADD, OP_SET_REMOVE } from "./ops.js";
import { SetValue } from "./types/index.js";

export class SetStore extends ListStore {
  /** Adds members; returns how many are new. */
  setAdd(buf: Uint8Array, off: number, len: number, members: readonly string[]): number {
    const set = this.open(buf, off, len, newSet);
    const before = set.bytes;
    const added = members.filter((member) => set.add(member));
    if (added.length === 0) return 0;
    this.close(buf, off, len, set, before);
    this.logTexts(OP_SET_ADD, buf, off, len, added);
    return added.length;
  }

  /** Removes members; returns how many there were. */
  setRemove(buf: Uint8Array, off: number, len: number, members: readonly string[]): number {
    const set = this.find<SetValue>(buf, off, len);
    if (set === null) return 0;
    const before = set.bytes;
    const gone = members.filter((member) => set.delete(member));
    if (gone.length === 0) return 0;
    this.logTexts(OP_SET_REMOVE, buf, off, len, gone);
    this.close(buf, off, len, set, before);
    return gone.length;
  }
}

const newSet = (): SetValue => new SetValue();
