import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { descriptorOf, writeNow } from "../src/connection/send.js";

/** Two ends of a real connection. */
let accepted: Socket;
let peer: Socket;
const server = createServer();

beforeAll(async () => {
  const arrived = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  peer = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1");
  accepted = await arrived;
});

afterAll(() => {
  peer.destroy();
  accepted.destroy();
  server.close();
});

it("writes a range of a buffer at once, and what the kernel does not take is the stream's, in order", async () => {
  const fd = descriptorOf(accepted);
  expect(fd).toBeGreaterThan(0);
  peer.pause();
  const block = Buffer.alloc(1024 * 1024, "abcdefgh");
  const sent: Buffer[] = [];
  let written = 0;
  // Until the kernel's buffers are full.
  do {
    written = writeNow(accepted, fd, block, 3, block.length - 3);
    sent.push(block.subarray(3, 3 + written));
  } while (written === block.length - 3);
  const rest = block.subarray(3 + written);
  accepted.write(rest);
  sent.push(rest);
  expect(accepted.writableLength).toBeGreaterThan(0);
  expect(writeNow(accepted, fd, block, 0, 8)).toBe(0);
  const expected = Buffer.concat(sent);
  const received: Buffer[] = [];
  let bytes = 0;
  await new Promise<void>((resolve) => {
    peer.on("data", (chunk: Buffer) => {
      received.push(chunk);
      bytes += chunk.length;
      if (bytes >= expected.length) resolve();
    });
    peer.resume();
  });
  expect(Buffer.compare(Buffer.concat(received), expected)).toBe(0);
});

it("leaves a closed socket's descriptor alone: it may be another file's", () => {
  const fd = descriptorOf(accepted);
  accepted.destroy();
  expect(writeNow(accepted, fd, Buffer.from("x"), 0, 1)).toBe(0);
  expect(descriptorOf(accepted)).toBe(-1);
});
