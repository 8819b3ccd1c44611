/** Who may run what: that clients whom nothing restricts are not looked at, and that none of them slips through when something changes. */
import { makeCommandTable, type TableRow } from "@hearthkv/commands";
import { Keyspace } from "@hearthkv/engine";
import { Request } from "@hearthkv/resp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Admission } from "../src/admission/admission.js";
import { admissionRules } from "../src/admission/rules.js";
import { type ClientState, Nobody } from "../src/clients/client-state.js";
import { MemoryServer } from "./support/memory-server.js";
import type { RawClient } from "./support/raw-client.js";

const commands = makeCommandTable();
const keyspace = new Keyspace({ hashSeed: new Uint8Array(8), random: Math.random });

class Authenticated extends Nobody {
  override readonly authenticated = true;
}

describe("admission", () => {
  const now = { memoryFull: false, writeError: null as string | null, loading: false, congested: false };
  const admission = new Admission(admissionRules(now));

  function ask(client: ClientState, ...args: string[]): string | null {
    const request = Request.of(...args);
    return admission.objection(client, commands.resolve(request) as TableRow, request);
  }

  it("makes a client plain that nothing restricts, and no other", () => {
    const client = new Authenticated(keyspace.db(0));
    expect(admission.isPlain(client)).toBe(false);
    expect(ask(client, "set", "k", "v")).toBeNull();
    expect(admission.isPlain(client)).toBe(true);

    const stranger = new Nobody(keyspace.db(0));
    expect(ask(stranger, "get", "k")).toBe("NOAUTH Authentication required.");
    expect(ask(stranger, "auth", "x")).toBeNull();
    expect(admission.isPlain(stranger)).toBe(false);
  });

  // Negative control: without `plainIn = 0` in ClientState's setters the first two were red, with changed() doing nothing the others.
  it.each<[string, (client: ClientState) => void, string[], RegExp]>([
    ["a transaction", (client) => (client.inMulti = true), ["save"], /not allowed inside a transaction/],
    ["a subscription", (client) => (client.subscriptions = 1), ["get", "k"], /only \(P\|S\)SUBSCRIBE/],
    ["a full heap", () => Object.assign(now, { memoryFull: true }), ["set", "k", "v"], /^OOM /],
    ["a disk that fails", () => Object.assign(now, { writeError: "MISCONF no" }), ["del", "k"], /^MISCONF no/],
    ["loading", () => Object.assign(now, { loading: true }), ["get", "k"], /^LOADING /],
  ])("looks at a plain client again after %s", (_, restrict, args, error) => {
    const client = new Authenticated(keyspace.db(0));
    ask(client, "ping");
    expect(admission.isPlain(client)).toBe(true);
    const before = { ...now };
    restrict(client);
    if (JSON.stringify(before) !== JSON.stringify(now)) admission.changed();
    expect(admission.isPlain(client)).toBe(false);
    expect(ask(client, ...args)).toMatch(error);
    Object.assign(now, { memoryFull: false, writeError: null, loading: false });
    client.inMulti = false;
    client.subscriptions = 0;
    expect(ask(client, ...args)).toBeNull();
    expect(admission.isPlain(client)).toBe(true);
  });
});

// As redis-server 7.0, seen. Negative control: red where the rule for monitors came before the other two.
it("has for a monitor what others are told first", () => {
  const now = { memoryFull: false, writeError: null, loading: true, congested: false };
  const admission = new Admission(admissionRules(now));
  const client = new Authenticated(keyspace.db(0));
  const request = Request.of("get", "k");
  const ask = () => admission.objection(client, commands.resolve(request) as TableRow, request);
  client.isMonitor = true;
  client.subscriptions = 1;
  expect(ask()).toMatch(/^ERR Can't execute 'get': only/);
  client.subscriptions = 0;
  expect(ask()).toMatch(/^LOADING /);
  now.loading = false;
  expect(ask()).toBe("ERR Replica can't interact with the keyspace");
});

// Negative control: without the rule for a log that is behind the client was plain after the read, and its next write did not wait for the log.
it("makes nobody plain while the log is behind", () => {
  const now = { memoryFull: false, writeError: null, loading: false, congested: true };
  const admission = new Admission(admissionRules(now));
  const client = new Authenticated(keyspace.db(0));
  const request = Request.of("get", "k");
  const row = commands.resolve(request) as TableRow;
  expect(admission.objection(client, row, request)).toBeNull();
  expect(admission.isPlain(client)).toBe(false);
  now.congested = false;
  admission.objection(client, row, request);
  expect(admission.isPlain(client)).toBe(true);
});

describe("a server", () => {
  let server: MemoryServer;
  let admin: RawClient;
  beforeAll(async () => {
    server = await MemoryServer.start({ requirepass: "old" });
    admin = server.connect();
    await admin.call("AUTH", "old").expect("+OK\r\n");
  });
  afterAll(() => server.stop());

  // Negative control: with Settings.onPassword not called the last reply was +PONG.
  it("asks a client for its password again that ran commands while there was none", async () => {
    const client = server.connect();
    expect(await client.call("PING").until("\r\n")).toBe("-NOAUTH Authentication required.\r\n");
    await admin.call("CONFIG", "SET", "requirepass", "").expect("+OK\r\n");
    await client.call("PING").call("PING").expect("+PONG\r\n+PONG\r\n");
    await admin.call("CONFIG", "SET", "requirepass", "new").expect("+OK\r\n");
    expect(await client.call("PING").until("\r\n")).toBe("-NOAUTH Authentication required.\r\n");
    await client.call("AUTH", "new").call("PING").expect("+OK\r\n+PONG\r\n");
  });
});
