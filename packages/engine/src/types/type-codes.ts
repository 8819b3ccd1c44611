/** A code on the disk that this version does not know, of an operation or of a type. */
export class UnknownCodeError extends RangeError {
  constructor(what: "operation type" | "type", code: number) {
    super(`unknown ${what} ${code}`);
    this.name = "UnknownCodeError";
  }
}

/** Type of a key that does not exist. */
export const TYPE_NONE = 0;
/** A string; its bytes live in the record itself. */
export const TYPE_STRING = 1;
/** A {@link ListValue}. */
export const TYPE_LIST = 2;
/** A {@link SetValue}. */
export const TYPE_SET = 3;
/** A {@link ZsetValue}. */
export const TYPE_ZSET = 4;
/** A {@link HashValue}. */
export const TYPE_HASH = 5;
