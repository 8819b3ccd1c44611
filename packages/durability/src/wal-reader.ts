import { type Directory, readFully } from "./disk.js";
import { type DecodedHeader, decodeSegmentHeader, SEGMENT_HEADER_BYTES } from "./wal-format.js";

/** Only the header of a segment. */
export function readSegmentHeader(dir: Directory, name: string): DecodedHeader {
  const fd = dir.open(name, "read");
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    return decodeSegmentHeader(bytes.subarray(0, readFully(dir, fd, bytes, 0, bytes.length, 0)));
  } finally {
    dir.close(fd);
  }
}
