/** What the fuzz tests damage. */
import { FOOTER_BYTES } from "../src/index.js";
import { oldForms } from "./old-forms.js";
import { recordedPayloads, recordedStreams } from "./recorded.js";

/** A value of every form there is, from its type byte on; the large ones are left out. */
export const smallValues: readonly Buffer[] = [
  ...oldForms.map(({ bytes }) => bytes),
  ...[...recordedPayloads.map(({ hex }) => hex), ...recordedStreams].map((hex) =>
    Buffer.from(hex, "hex").subarray(0, -FOOTER_BYTES),
  ),
].filter(({ length }) => length < 1000);
