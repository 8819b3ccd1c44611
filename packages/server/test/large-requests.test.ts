/** Requests that are refused before they are looked at: those here only say that they are large. */
import { Keyspace } from "@hearthkv/engine";
import { Request } from "@hearthkv/resp";
import { afterAll, expect, it } from "vitest";
import { Nobody } from "../src/clients/client-state.js";
import { serveFake } from "./support/fake-persistence.js";

const MB = 1024 * 1024;
const keyspace = new Keyspace({ hashSeed: Buffer.alloc(8, 7), random: Math.random });
const { core, stop } = await serveFake(keyspace);
afterAll(stop);

class Client extends Nobody {
  override readonly authenticated = true;
}

/** A request whose arguments from the second on claim to be so long. */
function claiming(bytes: number, ...words: string[]): Request {
  const request = Request.of(...words);
  for (let i = 2; i < request.argc; i++) request.len[i] = bytes;
  return request;
}

function answer(request: Request): string {
  const { dispatcher } = core;
  const client = new Client(keyspace.db(0));
  const mark = dispatcher.reply.length;
  dispatcher.begin(client);
  dispatcher.execute(client, request);
  const text = dispatcher.reply.bytes.toString("latin1", mark, dispatcher.reply.length);
  dispatcher.end();
  return text;
}

it("refuses a key that is longer than the engine stores", () => {
  expect(answer(claiming(100 * MB, "DEL", "a", "b"))).toBe("-ERR key is longer than 67108863 bytes\r\n");
  expect(answer(claiming(400 * MB, "ECHO", "a", "b", "c"))).toContain("wrong number of arguments");
});
