/** The two ways a verb ends badly on purpose. Both are reported as one line; anything else is a bug and keeps its stack. */

/** Something the user typed or configured is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The work itself could not be done (port in use, no server there, data refused): exit code 1. */
export class RunError extends Error {
  override readonly name = "RunError";
}
