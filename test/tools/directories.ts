/** Data directories for the tools: made by a real server, then damaged by hand. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type OwnServer, startOwn } from "../recovery/in-process.js";
import { launcher, type RespClient, runProcess, temporaryFolder } from "../support/index.js";

/** A directory that no server uses. */
export interface MadeDirectory {
  readonly path: string;
  /** Of its data. */
  readonly digest: string;
}

/** Bytes that are no UTF-8. */
export const binary = Buffer.from([0, 0xff, 0x0a, 0x80]);

/** Keys of every type in two databases, in several segments, with two snapshots between; `use` may add more at the end. */
export async function makeDirectory(use: (own: OwnServer) => Promise<void> = async () => {}): Promise<MadeDirectory> {
  const path = temporaryFolder("tools");
  const own = await startOwn(path, { walMaxBytes: 4096 });
  await fill(own.client);
  await use(own);
  const digest = own.server.digest();
  await own.close();
  return { path, digest };
}

async function fill(client: RespClient): Promise<void> {
  for (let i = 0; i < 40; i++) await client.ok("SET", `early:${i}`, "x".repeat(100));
  await client.ok("SAVE");
  await client.ok("HSET", "hash", "field", "value", "f2", binary);
  await client.ok("RPUSH", "list", "a", "b", "c", "a");
  await client.ok("SADD", "set", "m1", "m2", "m3");
  await client.ok("ZADD", "zset", "1.5", "one", "-inf", "low", "1e300", "high");
  for (let i = 0; i < 40; i++) await client.ok("SET", `middle:${i}`, "y".repeat(100));
  await client.ok("SAVE");
  await client.ok("SELECT", "3");
  await client.ok("SET", "ключ", "значение", "PX", "100000000");
  await client.ok("SET", binary, binary);
  await client.ok("MSET", "m1", "1", "m2", "2");
  await client.ok("INCRBY", "counter", "5");
  await client.ok("DEL", "m1");
  await client.ok("LPOP", "nothing");
  await client.ok("SELECT", "0");
  await client.ok("LPOP", "list");
  await client.ok("SPOP", "set");
  for (let i = 0; i < 100; i++) await client.ok("SET", `late:${i}`, "z".repeat(100));
}

/** A copy to be damaged. */
export function copyOf(directory: MadeDirectory): string {
  const path = join(temporaryFolder("damaged"), "data");
  cpSync(directory.path, path, { recursive: true });
  return path;
}

/** Names in a directory that match. */
export function namesIn(path: string, pattern: RegExp): string[] {
  return readdirSync(path)
    .filter((name) => pattern.test(name))
    .sort();
}

/** Finished segments, oldest first, without the current one. */
export const FINISHED = /^wal-\d+\.log$/;
export const SNAPSHOTS = /\.snap$/;

/** Changes the byte at `offset`; negative offsets count from the end. */
export function flipByte(path: string, name: string, offset: number): void {
  const file = join(path, name);
  const bytes = readFileSync(file);
  const at = offset < 0 ? bytes.length + offset : offset;
  bytes[at] = bytes[at]! ^ 0x40;
  writeFileSync(file, bytes);
}

/** Takes the last bytes of a file away. */
export function shorten(path: string, name: string, bytes: number): void {
  const file = join(path, name);
  const content = readFileSync(file);
  writeFileSync(file, content.subarray(0, content.length - bytes));
}

/** Content of every file, to see that nothing changed. */
export function contentOf(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), "latin1")]));
}

/** Digest of what a server finds in the directory. */
export async function digestOfServer(path: string): Promise<string> {
  const own = await startOwn(path);
  const digest = own.server.digest();
  await own.close();
  return digest;
}

/** Runs a verb of the command line. */
export function hearthkv(...args: string[]): ReturnType<typeof runProcess> {
  return runProcess(process.execPath, [launcher, ...args]);
}
