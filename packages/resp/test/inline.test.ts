import { expect, test } from "vitest";
import { splitInline } from "../src/inline.js";
import { Request } from "../src/request.js";

/** null: unbalanced quotes. Words as redis-server 7.0 reads them. */
const cases: [line: string, words: string[] | null][] = [
  ["PING", ["PING"]],
  ["", []],
  [" \t\v\f ", []],
  ["  SET  key\tvalue ", ["SET", "key", "value"]],
  ["a\vb\fc", ["a\vb\fc"]],
  ['"PING"', ["PING"]],
  ["'PING'", ["PING"]],
  ['""', [""]],
  ["x '' y", ["x", "", "y"]],
  ['"\\x41\\x4a\\xFf"', ["AJ\xff"]],
  ['"\\x4"', ["x4"]],
  ['"\\xZZ\\q"', ["xZZq"]],
  ['"\\n\\r\\t\\b\\a\\\\\\""', ['\n\r\t\b\x07\\"']],
  ["'a\\'b\"c\\n'", ["a'b\"c\\n"]],
  ['a"b c"', ["ab c"]],
  ["a'b c' d", ["ab c", "d"]],
  ['"a\'b"', ["a'b"]],
  ['"a"\v"b"', ["a", "b"]],
  ["\\x41", ["\\x41"]],
  ["\xff\xfe", ["\xff\xfe"]],
  ['"', null],
  ["'", null],
  ['"a', null],
  ["'a", null],
  ['"a"b', null],
  ["'a'b", null],
  ['"a""b"', null],
  ['"a\\"', null],
  ["'a\\'", null],
  ['"a\\', null],
];

for (const [line, words] of cases) {
  test(`${JSON.stringify(line)} is ${JSON.stringify(words)}`, () => {
    const request = new Request();
    const buf = Buffer.from(`<<${line}>>`, "latin1");
    const ok = splitInline(buf, 2, buf.length - 2, request);
    expect(ok ? Array.from({ length: request.argc }, (_, i) => request.str(i)) : null).toEqual(words);
    expect(buf.toString("latin1").startsWith("<<") && buf.toString("latin1").endsWith(">>")).toBe(true);
  });
}
