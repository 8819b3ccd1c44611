/** How the verbs that work on a data directory reach the server package, and how its errors end them. */
import { RunError, UsageError } from "./errors.js";

type Tools = typeof import("@hearthkv/server");

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
