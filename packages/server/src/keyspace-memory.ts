/** How a keyspace of this process has its memory. */
import { totalmem } from "node:os";
import type { KeyspaceOptions } from "@hearthkv/engine";
import { releaseBuffer } from "./release-buffer.js";

/** The engine has another memory, of at most 32 GB, for each so many bytes of the machine's: data never spreads over them quite evenly. */
const BYTES_PER_MEMORY = 24 * 2 ** 30;

/** For `new Keyspace`: as many memories as the machine could fill, and the way in which they give back. */
export const keyspaceMemory: Pick<KeyspaceOptions, "memories" | "release"> = {
  memories: Math.ceil(totalmem() / BYTES_PER_MEMORY),
  release: releaseBuffer,
};
