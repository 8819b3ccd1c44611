/** How the verbs that work on a data directory reach the server package, and how its errors end them. */
import { RunError, UsageError } from "./errors.js";

type Tools = typeof import("@hearthkv/server");

/** By convention a shell sees 128 and the signal's number. */
const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** From now on the first signal ends the process by `exit`, so that a tool can remove what is half made; a second one ends it at once. */
export function exitOnSignals(): void {
  for (const [signal, code] of Object.entries(SIGNAL_CODES)) process.once(signal, () => process.exit(code));
}

/** Runs `work` with the tools. What the user got wrong, the disk refused or the data does not allow is one line. */
export async function withTools<T>(work: (tools: Tools) => Promise<T>): Promise<T> {
  const tools = await import("@hearthkv/server"); // here, so that help and the client start without loading it
  try {
    return await work(tools);
  } catch (error) {
    if (error instanceof tools.ToolError) throw new UsageError(error.message);
    // Errors of the system and of the storage carry a code and say all there is to say; others are bugs and keep their stack.
    if (error instanceof Error && "code" in error) throw new RunError(error.message);
    throw error;
  }
}
