/** One write, and whether it is taken. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RespClient, ServerProcess } from "../support/index.js";

/** A reply that takes longer is held back until the log has the write: it came before the server knew of the failure. */
const HELD_MS = 200;

/** As `answerOf` with a new connection, which ends. */
export async function tryWrite(server: ServerProcess): Promise<string | null> {
  const client = await server.connect();
  const answer = await answerOf(client);
  client.close();
  return answer;
}

/** "OK", the text of the error, or null when there is no answer yet. The key is none that the writers use. */
export async function answerOf(client: RespClient): Promise<string | null> {
  const answer = client.send("SET", "probe", "x".repeat(100)).catch(() => null);
  const reply = await Promise.race([answer, sleep(HELD_MS)]);
  return reply instanceof Error ? reply.message : reply === "OK" ? reply : null;
}
