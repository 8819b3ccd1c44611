/** Figures of INFO. */
import type { RespClient } from "../support/index.js";

/** Fields of INFO persistence: all of them, numbers as numbers. */
export async function persistenceInfo(client: RespClient): Promise<Readonly<Record<string, string | number>>> {
  const text = (await client.ok("INFO", "persistence")) as string;
  const fields = text.split("\r\n").filter((line) => line.includes(":"));
  return Object.fromEntries(
    fields.map((line) => {
      const at = line.indexOf(":");
      const value = line.slice(at + 1);
      return [line.slice(0, at), value !== "" && Number.isFinite(Number(value)) ? Number(value) : value];
    }),
  );
}

/** One of them that is a number. */
export async function persistenceNumber(client: RespClient, name: string): Promise<number> {
  const value = (await persistenceInfo(client))[name];
  if (typeof value !== "number") throw new Error(`INFO has no number ${name}`);
  return value;
}
