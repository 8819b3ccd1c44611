/**
 * Writes to a socket without its stream: bytes go from where they lie to write(2), with no Buffer, request object or queue between.
 * A stream costs a twentieth of a small request, which is most of what separates one from the system call.
 */
import { writeSync } from "node:fs";
import type { Socket } from "node:net";

/** The descriptor of a connected socket, or -1 where this Node or this system does not show it. */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, "_handle");
  if (typeof handle !== "object" || handle === null) return -1;
  const fd: unknown = Reflect.get(handle, "fd");
  return typeof fd === "number" ? fd : -1;
}

/**
 * Writes what the kernel takes at once of `bytes[off, off + len)` and returns how much that was: the rest is the stream's, which waits for
 * the socket and reports errors. 0 also while the stream has something to write itself, and when the socket is closed: its descriptor may
 * be another file's by then.
 * @param fd what `descriptorOf` said of this socket
 */
export function writeNow(socket: Socket, fd: number, bytes: Buffer, off: number, len: number): number {
  if (fd < 0 || socket.destroyed || socket.writableLength > 0 || socket.connecting) return 0;
  try {
    return writeSync(fd, bytes, off, len);
  } catch {
    // Full (EAGAIN) or broken: the stream meets the same, and knows what to do.
    return 0;
  }
}
