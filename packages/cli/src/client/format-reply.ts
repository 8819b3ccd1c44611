/** Prints replies as redis-cli does: for people (`(integer) 1`, `"text"`, `(nil)`) and raw, for scripts. */
import { isStatus, type Reply } from "./connection.js";

/**
 * For a terminal. Ends with a line end.
 * @param indent of the lines after the first
 */
export function formatForPeople(reply: Reply, indent = ""): string {
  if (reply === null) return "(nil)\n";
  if (typeof reply === "string") return `(integer) ${reply}\n`;
  if (reply instanceof Error) return `(error) ${reply.message}\n`;
  if (Buffer.isBuffer(reply)) return `${isStatus(reply) ? reply.toString("utf8") : quote(reply)}\n`;
  const elements = reply as readonly Reply[];
  if (elements.length === 0) return "(empty array)\n";
  const width = String(elements.length).length;
  const inner = indent + " ".repeat(width + 2);
  return elements
    .map((element, index) => {
      const number = String(index + 1).padStart(width);
      return `${index === 0 ? "" : indent}${number}) ${formatForPeople(element, inner)}`;
    })
    .join("");
}

/** Bytes as they are, array elements one a line, nil as nothing. Without the final line end; an error has one of its own, as in redis-cli. */
export function formatRaw(reply: Reply): Buffer {
  if (reply === null) return Buffer.alloc(0);
  if (typeof reply === "string") return Buffer.from(reply);
  if (reply instanceof Error) return Buffer.from(`${reply.message}\n`);
  if (Buffer.isBuffer(reply)) return reply;
  const elements = reply as readonly Reply[];
  const parts = elements.flatMap((element, index) => {
    return index === 0 ? [formatRaw(element)] : [Buffer.from("\n"), formatRaw(element)];
  });
  return Buffer.concat(parts);
}

const named: ReadonlyMap<number, string> = new Map([
  [0x22, '\\"'],
  [0x5c, "\\\\"],
  [0x0a, "\\n"],
  [0x0d, "\\r"],
  [0x09, "\\t"],
  [0x07, "\\a"],
  [0x08, "\\b"],
]);

/** Bytes in double quotes; what is not printable ASCII as \xHH. */
export function quote(bytes: Buffer): string {
  let text = '"';
  for (const byte of bytes) {
    const printable =
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
    text += named.get(byte) ?? printable;
  }
  return `${text}"`;
}
