import { expect, test } from "vitest";
import { splitLine } from "../src/client/split-line.js";

test.each<[string, string[] | null]>([
  ["", []],
  ["  \t ", []],
  ["SET key value", ["SET", "key", "value"]],
  ["SET \"a b\" 'c d'", ["SET", "a b", "c d"]],
  ['"\\x00\\xFF\\n\\r\\t\\b\\a\\\\\\"\\q"', ['\x00\xff\n\r\t\b\x07\\"q']],
  ["'it\\'s \\n'", ["it's \\n"]],
  ['""', [""]],
  ['a"b c"', ["ab c"]],
  ["é", ["\xc3\xa9"]],
  ['"a', null],
  ["'a", null],
  ['"a"b', null],
  ["'a'b", null],
  ['"a\\', null],
])("%j", (line, expected) => {
  expect(splitLine(line)?.map((arg) => arg.toString("latin1")) ?? null).toEqual(expected);
});
