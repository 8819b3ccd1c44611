/**
 * A client that stopped reading owes its own replies and nothing else: at level `synced` the held replies of a turn share one copy, and what
 * the kernel does not take of one must not keep that copy of all.
 *
 * Negative control, by hand: with `false` instead of `to - from < bytes.length` in transmit of connection.ts, some 220 MB more stay resident (15 otherwise).
 */
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  encodeRequest,
  type RespClient,
  requirePeer,
  residentBytes,
  type ServerProcess,
  startHearth,
  startProcess,
} from "../support/index.js";

const VALUE = Buffer.alloc(20_000, "v");
const PINGS = 6000;
const KEPT_BYTES_MAX = 100 * 1024 * 1024;
const GET = encodeRequest(["GET", "value"]);
const PING = encodeRequest(["PING"]);

/** What the server still holds for the client of that name. */
async function owedBytes(observer: RespClient, name: string): Promise<number> {
  const line = String(await observer.ok("CLIENT", "LIST"))
    .split("\n")
    .find((text) => text.includes(` name=${name} `));
  return Number(/ omem=(\d+)/.exec(line ?? "")?.[1] ?? 0);
}

function startLoad(server: ServerProcess, command: string): ReturnType<typeof startProcess> {
  const flags = ["-p", String(server.port), "-l", "-q", "-c", "30", "-P", "8", "-d", "1000", "-t", command];
  return startProcess("redis-benchmark", flags, { stdin: "" });
}

test("a client that does not read keeps only its own replies in memory", async (context) => {
  requirePeer(context, "redis-benchmark");
  const server = await startHearth({ flags: ["--ack", "synced"] });
  const observer = await server.connect();
  await observer.ok("SET", "value", VALUE);
  const reader = net.connect({ port: server.port, host: "127.0.0.1", noDelay: true });
  reader.pause();
  reader.write(encodeRequest(["CLIENT", "SETNAME", "reader"]));
  // Its socket fills step by step, so that little is owed: much would be kept in another way.
  let owed = 0;
  while (owed === 0) {
    reader.write(GET);
    await sleep(5);
    owed = await owedBytes(observer, "reader");
    if (owed === 0) continue;
    // The kernel may take it a moment later: then it is not full.
    await sleep(500);
    owed = await owedBytes(observer, "reader");
  }
  expect(owed).toBeLessThan(64 * 1024);

  const loads = [startLoad(server, "set"), startLoad(server, "get")];
  await sleep(2000);
  const before = residentBytes(server);
  for (let i = 0; i < PINGS; i++) {
    reader.write(PING);
    await sleep(1);
  }
  const after = residentBytes(server);
  for (const load of loads) load.kill("SIGKILL");
  expect(after - before).toBeLessThan(KEPT_BYTES_MAX);
  expect(await owedBytes(observer, "reader")).toBeGreaterThanOrEqual(PINGS * "+PONG\r\n".length);

  reader.destroy();
  observer.close();
  await server.stop();
});
