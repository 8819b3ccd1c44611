/** Payloads for RESTORE that Redis 7.0 knows as well, latin1: values in every form, and some that are none. */
import { FOOTER_BYTES, putFooter } from "@hearthkv/rdb";
import { oldForms } from "../../packages/rdb/test/old-forms.js";
import { recordedPayloads } from "../../packages/rdb/test/recorded.js";

/** The type byte and value with a footer, as DUMP would give it. */
export function payloadOf(value: Uint8Array): Buffer {
  const bytes = Buffer.concat([value, Buffer.alloc(FOOTER_BYTES)]);
  putFooter(bytes, 0, value.length);
  return bytes;
}

/** With right checksums. Not one that is cut short (Redis takes the rest from the footer), nor one with an element twice (of some types Redis takes it). */
const malformed: readonly string[] = ["\x08\x00", "\x01\x00", "\x04\x00", "\x02\x03\x01a", "\x03\x01\x01a\xfd", "\xff"];

const wellFormed = [
  ...oldForms.map(({ bytes }) => payloadOf(bytes)),
  ...recordedPayloads.filter(({ server }) => server === "redis 7.0.15").map(({ hex }) => Buffer.from(hex, "hex")),
];

export const payloads: readonly string[] = [
  ...wellFormed,
  ...malformed.map((value) => payloadOf(Buffer.from(value, "latin1"))),
  ...wellFormed.map((bytes) => bytes.subarray(0, -1)),
].map((bytes) => bytes.toString("latin1"));
