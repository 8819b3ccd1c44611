import * as fs from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { errnoOf } from "./errors.js";
import { LOCK } from "./file-names.js";

/*
 * What tells that a process is dead, across pid namespaces: a socket in the directory, on which the owner of a lock listens and says nothing.
 * The kernel closes it with the process, however that ends, and answers for one that stands still. A connection is refused when nobody
 * of the same kernel listens. Of a process of another kernel (on a network disk) that tells nothing.
 */

/** Longest path of a socket, safe on every system (sun_path is 104 or 108 bytes; what is longer would be cut without a word). */
const SOCKET_PATH_MAX = 100;

/** answers: alive. refused: no process of this kernel has it. unknown: there is no socket, or none can be. */
export type WitnessState = "answers" | "refused" | "unknown";

export function witnessName(token: string): string {
  return `${LOCK}.${token}.sock`;
}

/** A socket that is listened on as long as this process lives. It keeps no process alive. */
export class LockWitness {
  readonly #server: Server;
  readonly #file: string;

  /** Null where the file system has no sockets. */
  static open(path: string, token: string): LockWitness | null {
    const server = createServer((socket) => socket.destroy());
    server.on("error", () => {});
    const name = witnessName(token);
    withSocketPath(path, name, (socketPath) => server.listen({ path: socketPath, exclusive: true }));
    const witness = new LockWitness(server, join(path, name));
    if (server.listening && isSocket(join(path, name))) return witness;
    witness.close();
    return null;
  }

  private constructor(server: Server, file: string) {
    this.#server = server.unref();
    this.#file = file;
  }

  close(): void {
    this.#server.close();
    fs.rmSync(this.#file, { force: true });
  }
}

/** Asks for the owner with this token. */
export async function askWitness(path: string, token: string): Promise<WitnessState> {
  const name = witnessName(token);
  if (!isSocket(join(path, name))) return "unknown";
  return (await withSocketPath(path, name, ask)) ?? "unknown";
}

function ask(socketPath: string): Promise<WitnessState> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath });
    socket.once("connect", () => {
      socket.destroy();
      resolve("answers");
    });
    socket.once("error", (error) => {
      const errno = errnoOf(error);
      // EAGAIN: more have asked than its queue holds, which nobody empties while the process stands still.
      if (errno === "EAGAIN") resolve("answers");
      else resolve(errno === "ECONNREFUSED" ? "refused" : "unknown");
    });
  });
}

/** Calls `use` with a path of the socket that is short enough; undefined where there is none. (Connecting and binding are done when `use` returns.) */
function withSocketPath<T>(path: string, name: string, use: (socketPath: string) => T): T | undefined {
  const plain = join(path, name);
  if (Buffer.byteLength(plain) <= SOCKET_PATH_MAX) return use(plain);
  const fd = fs.openSync(path, "r");
  try {
    const short = `/proc/self/fd/${fd}`;
    return fs.existsSync(short) ? use(join(short, name)) : undefined;
  } finally {
    fs.closeSync(fd);
  }
}

function isSocket(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isSocket() ?? false;
}
