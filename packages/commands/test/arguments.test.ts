import { Request } from "@hearthkv/resp";
import { expect, test } from "vitest";
import { ELEMENT_BYTES_MAX } from "../src/arguments/arguments.js";
import { CommandRunner } from "./transcript.js";

const takingElements = [
  "HSET h f v",
  "HMSET h f v",
  "HSETNX h f v",
  "HGET h f",
  "HMGET h f",
  "HDEL h f",
  "HEXISTS h f",
  "HSTRLEN h f",
  "HSCAN h 0 MATCH p",
  "SADD s m",
  "SREM s m",
  "SISMEMBER s m",
  "SMISMEMBER s m",
  "SSCAN s 0 MATCH p",
  "ZADD z 1 m",
  "ZREM z m",
  "ZSCORE z m",
  "ZMSCORE z m",
  "ZRANK z m",
  "ZRANGE z [a [m BYLEX",
  "SCAN 0 MATCH p",
  "KEYS p",
];

test.each(takingElements)("%s refuses an element longer than any string can be", (line) => {
  const runner = new CommandRunner();
  for (const setup of ["HSET h f v", "RPUSH l a", "SADD s m", "ZADD z 1 m"]) runner.line(setup);
  const words = line.split(" ");
  const at = words.findLastIndex((word) => /^(?:v|f|m|\[m|p)$/.test(word));
  const request = Request.of(...words);
  // The length alone must be enough for the refusal: half a gigabyte is not needed to tell.
  request.len[at] = ELEMENT_BYTES_MAX + 1;
  expect(runner.runRequest(request)).toBe("-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n");
});
