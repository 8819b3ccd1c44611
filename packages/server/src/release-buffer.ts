/**
 * Gives a buffer's memory back to the system at once. V8 would free it at its next full collection, which an idle server may not have for
 * minutes. A message to a closed port takes the buffer along and is dropped: there is no other way to free one in Node 20.
 */
const { port1, port2 } = new MessageChannel();
port2.close();
port1.unref();

/** Detaches and frees the buffer. Every view of it is empty afterwards. */
export function releaseBuffer(buffer: ArrayBuffer): void {
  port1.postMessage(null, [buffer]);
}
