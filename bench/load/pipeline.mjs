/** Sends many commands to a server, a batch at a time, as fast as it answers. */
import { randomBytes } from "node:crypto";
import net from "node:net";

const WINDOW = 2;
const MINUS = 45;
const LF = 10;

/** One command as a client sends it; words are latin1. */
export function encode(words) {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += `$${String(word).length}\r\n${word}\r\n`;
  return text;
}

/** The name of key number `i`, 16 bytes, as redis-benchmark names them. */
export function keyName(i) {
  return `key:${String(i).padStart(12, "0")}`;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
let noise = "";

/** Value number `i`, of `bytes` letters without a pattern: redis-server packs what repeats when it writes an RDB file. */
export function valueText(i, bytes) {
  if (noise === "") for (const byte of randomBytes(65_536)) noise += LETTERS[byte & 63];
  const at = (i * 61) % (noise.length >> 1);
  return noise.slice(at, at + bytes);
}

/**
 * Sends `count` commands, `command(i)` each (an array of words), whose answers must be `lines` lines each and no errors.
 * @param options `batch` commands are sent at once; `pause()` is awaited before each batch
 */
export async function sendAll(server, count, command, { batch = 1000, pause, lines = 1 } = {}) {
  const socket = net.connect(server.port, "127.0.0.1");
  let answers = 0;
  let error = "";
  let lineStart = true;
  let wake = () => {};
  socket.on("data", (data) => {
    for (let i = 0; i < data.length; i++) {
      if (lineStart && data[i] === MINUS && error === "") error = data.toString("latin1", i).split("\r\n")[0];
      lineStart = data[i] === LF;
      if (lineStart) answers++;
    }
    wake();
  });
  socket.on("error", (problem) => {
    error = problem.message;
    wake();
  });
  socket.on("close", () => {
    error ||= "the connection was closed";
    wake();
  });
  const answered = async (wanted) => {
    while (answers < wanted * lines) {
      if (error !== "") throw new Error(`${server.name}: ${error}`);
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  };
  for (let i = 0; i < count; i += batch) {
    const end = Math.min(count, i + batch);
    let text = "";
    for (let k = i; k < end; k++) text += encode(command(k));
    if (pause !== undefined) await pause();
    socket.write(text, "latin1");
    await answered(end - (WINDOW - 1) * batch);
  }
  await answered(count);
  socket.destroy();
  if (error !== "") throw new Error(`${server.name}: ${error}`);
}

/** Gives `count` elements to one command after the other, `perCommand` to each: `head` is its first words, `element(i)` its further ones. */
export function sendElements(server, head, count, element, { perCommand = 100, ...options } = {}) {
  const commands = Math.ceil(count / perCommand);
  const command = (c) => {
    const words = [...head];
    const end = Math.min(count, (c + 1) * perCommand);
    for (let i = c * perCommand; i < end; i++) words.push(...element(i));
    return words;
  };
  return sendAll(server, commands, command, { batch: Math.max(1, Math.floor(1000 / perCommand)), ...options });
}
