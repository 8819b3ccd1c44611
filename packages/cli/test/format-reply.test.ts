import { expect, test } from "vitest";
import type { Reply } from "../src/client/connection.js";
import { formatForPeople, formatRaw } from "../src/client/format-reply.js";

const text = Buffer.from('a"\\\n\r\t\x07\x08\x00\xff', "latin1");
const nested: Reply = ["1", [Buffer.from("x"), [], null], new Error("ERR no")];
const eleven: Reply = Array.from({ length: 11 }, (_, index) => String(index));

test.each<[string, Reply, string, string]>([
  ["nil", null, "(nil)\n", ""],
  ["integer", "9223372036854775807", "(integer) 9223372036854775807\n", "9223372036854775807"],
  ["string", text, '"a\\"\\\\\\n\\r\\t\\a\\b\\x00\\xff"\n', text.toString("latin1")],
  ["error", new Error("ERR no"), "(error) ERR no\n", "ERR no\n"],
  ["empty", [], "(empty array)\n", ""],
  [
    "nested",
    nested,
    '1) (integer) 1\n2) 1) "x"\n   2) (empty array)\n   3) (nil)\n3) (error) ERR no\n',
    "1\nx\n\n\nERR no\n",
  ],
])("%s", (_name, reply, forPeople, raw) => {
  expect(formatForPeople(reply)).toBe(forPeople);
  expect(formatRaw(reply).toString("latin1")).toBe(raw);
});

test("a status stands without quotes, numbers of long arrays are aligned", () => {
  expect(formatForPeople(Buffer.from("+OK\r\n").subarray(1, 3))).toBe("OK\n");
  const lines = formatForPeople(eleven).split("\n");
  expect([lines[0], lines[8], lines[10]]).toEqual([" 1) (integer) 0", " 9) (integer) 8", "11) (integer) 10"]);
});
