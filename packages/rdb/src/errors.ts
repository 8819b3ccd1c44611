/** What was read is no value: it ends early, or says of itself what cannot be. */
export class RdbError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RdbError";
  }
}

/** What was read is, or may be, a value, but one of a kind that this server does not have. */
export class UnsupportedValueError extends RdbError {
  /** As "a stream": for people. */
  readonly what: string;

  constructor(what: string) {
    super(`${what} is not supported`);
    this.name = "UnsupportedValueError";
    this.what = what;
  }
}
