import { expect, it } from "vitest";
import { FakeServer } from "./server-fakes.js";
import { testTranscript } from "./transcript.js";

testTranscript("lolwut");

it("LOLWUT ends with the version", () => {
  const server = new FakeServer();
  for (const words of ["LOLWUT", "LOLWUT VERSION 5", "LOLWUT VERSION", "LOLWUT x"])
    expect(server.run(...words.split(" "))).toMatch(/=========.*\nRedis ver\. 7\.2\.4\n\r\n$/s);
});
