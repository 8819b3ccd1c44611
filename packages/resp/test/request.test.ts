import { expect, test } from "vitest";
import { Request } from "../src/request.js";

test("arguments are read as latin1, as UTF-8 and as bytes", () => {
  const request = Request.of("SET", Buffer.from("ключ"), "\xff\0");
  expect([request.argc, request.str(0), request.utf8(1), request.str(2)]).toEqual([3, "SET", "ключ", "\xff\0"]);
  expect(request.bytes(2)).toEqual(Buffer.of(255, 0));
  expect(request.bytes(0).buffer).toBe(request.buf.buffer);
});

test("is() folds A-Z only", () => {
  const request = Request.of("GeT", "ſet", "@[`{", "");
  expect([request.is(0, "get"), request.is(0, "ge"), request.is(0, "gets"), request.is(0, "got")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
  expect([request.is(1, "set"), request.is(2, "@[`{"), request.is(2, "`{`{"), request.is(3, "")]).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

test("copy() has bytes of its own", () => {
  const request = Request.of("SET", "key", "", "value");
  request.argc = 3;
  const copy = request.copy();
  request.buf.fill(0);
  expect([copy.argc, copy.str(0), copy.str(1), copy.str(2)]).toEqual([3, "SET", "key", ""]);
});
