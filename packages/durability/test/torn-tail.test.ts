import { expect, test } from "vitest";
import { WAL_CURRENT } from "../src/file-names.js";
import { memoryDisk } from "../src/memory-disk.js";
import { ENTRY_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES } from "../src/wal-format.js";
import {
  append,
  directoryWith,
  entry,
  filesOf,
  GENERATION,
  payloadOf,
  range,
  recovered,
  seededRandom,
  startLog,
} from "./support.js";

/*
 * A log of 20 KB, torn at every byte in four shapes. Recovery gives exactly the entries that are whole before the tear, and a second
 * start finds nothing left to repair. HEARTHKV_TORN_CUTS: how many places in each shape (default 1,000, evenly from a random first one,
 * and always the ends of the entries); as many as the log has bytes are all of them. HEARTHKV_SEED repeats a run.
 * Negative controls: the log that lost one entry more than was torn, below; and by hand, without the CRC check in wal-reader.ts
 * (#validLength returning `length` always) the garbage, zero and stale shapes go red.
 */
const CUTS = Number(process.env.HEARTHKV_TORN_CUTS ?? 1000);
const SEED = Number(process.env.HEARTHKV_SEED ?? Date.now()) >>> 0;
const ENTRIES = 250;
const OLD_GENERATION = 0x0bad_cafe;

function wholeLog(generation: number): Uint8Array {
  const dir = memoryDisk();
  append(startLog(dir, 1, 1, generation), 1, ENTRIES);
  return filesOf(dir)[WAL_CURRENT]!;
}

const log = wholeLog(GENERATION);
const stale = wholeLog(OLD_GENERATION);
const ends: number[] = [];
for (const sequence of range(1, ENTRIES)) {
  ends.push((ends.at(-1) ?? SEGMENT_HEADER_BYTES) + payloadOf(sequence).length + ENTRY_OVERHEAD_BYTES);
}
const random = seededRandom(SEED);

/** Where entry `last` ends. */
function endOf(last: number): number {
  return ends[last - 1]!;
}

/** Up to where the torn file is the old one: what fills the tail may happen to be what stood there. */
function equalBytes(a: Uint8Array, b: Uint8Array, from: number): number {
  let at = from;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** What follows the cut: nothing, or something up to the old length. */
const SHAPES: Readonly<Record<string, (cut: number) => Uint8Array>> = {
  cut: () => new Uint8Array(0),
  "filled with zeros": (cut) => new Uint8Array(log.length - cut),
  "followed by garbage": (cut) => Uint8Array.from({ length: log.length - cut }, () => random() * 256),
  "followed by entries of another generation": (cut) => stale.subarray(cut),
};

function places(): number[] {
  const stride = Math.max(1, Math.floor((log.length - SEGMENT_HEADER_BYTES) / CUTS));
  const cuts = new Set(ends.filter((end) => end < log.length));
  for (let cut = SEGMENT_HEADER_BYTES + Math.floor(random() * stride); cut < log.length; cut += stride) cuts.add(cut);
  return [...cuts];
}

/** Recovers the torn log, twice; says what is wrong with the outcome, or null. */
async function judge(torn: Uint8Array, cut: number): Promise<string | null> {
  const same = equalBytes(torn, log, cut);
  const whole = ends.findLastIndex((end) => end <= same) + 1;
  const dir = directoryWith({ [WAL_CURRENT]: torn });
  const bytesCut = torn.length - (whole === 0 ? SEGMENT_HEADER_BYTES : endOf(whole));
  const first = await recovered(dir);
  const second = await recovered(dir);
  // Compared as text: an `expect` each would cost more than the recovery.
  const outcome = [first, second].map((r) => [r.entries.length, r.result.lastSequence, r.result.bytesCut]);
  const right = [
    [whole, whole, bytesCut],
    [whole, whole, 0],
  ];
  if (String(outcome) !== String(right)) return `${outcome}, not ${right}`;
  if (bytesCut === 0) return null;
  const copy = Object.entries(filesOf(dir)).find(([name]) => name.endsWith(".broken"));
  return Buffer.compare(copy![1], torn.subarray(torn.length - bytesCut)) === 0 ? null : "the copy differs";
}

for (const [shape, tail] of Object.entries(SHAPES)) {
  test(`a log ${shape}, at every byte`, { timeout: 3_600_000 }, async () => {
    const cuts = places();
    console.log(`torn tail, ${shape}: HEARTHKV_SEED=${SEED}, ${cuts.length} places in ${log.length} bytes`);
    expect(log.length).toBeGreaterThan(20 * 1024);
    for (const cut of cuts) {
      const wrong = await judge(Buffer.concat([log.subarray(0, cut), tail(cut)]), cut);
      if (wrong !== null) expect.fail(`cut at ${cut}: ${wrong}`);
    }
  });
}

test("control: a log that lost one entry more than was torn is noticed", async () => {
  const cut = endOf(ENTRIES - 1) + 1;
  expect(await judge(log.subarray(0, cut), cut)).toBeNull();
  expect(await judge(log.subarray(0, endOf(ENTRIES - 2)), cut)).toMatch(/^248,248,/);
});

test("a torn batch that was never synced is cut, although entries after it survived", async () => {
  // The power failed while entries 21 to 30, one write, were on their way: sector order is the disk's.
  const dir = memoryDisk();
  const writer = startLog(dir);
  append(writer, 1, 20);
  for (const sequence of range(21, 30))
    writer.write(entry(sequence, sequence - 20, GENERATION), 0, entry(sequence, 0, 0).length);
  const files = filesOf(dir);
  files[WAL_CURRENT]!.fill(0, endOf(23) + 5, endOf(24));
  const { entries, result } = await recovered(directoryWith(files));
  expect(entries).toEqual(range(1, 23));
  expect(result.lastSequence).toBe(23);
});

test("the same damage is refused when a later entry knows that it had been synced", async () => {
  const files = { [WAL_CURRENT]: Uint8Array.from(log) };
  files[WAL_CURRENT].fill(0, endOf(23) + 5, endOf(24));
  await expect(recovered(directoryWith(files))).rejects.toMatchObject({
    name: "StorageError",
    code: "corrupt-entry",
    file: WAL_CURRENT,
    offset: endOf(23),
    sequence: 24,
  });
});

test("strict forgives no torn tail", async () => {
  const dir = directoryWith({ [WAL_CURRENT]: log.subarray(0, log.length - 1) });
  await expect(recovered(dir, { mode: "strict" })).rejects.toMatchObject({ code: "corrupt-entry", sequence: ENTRIES });
  expect(filesOf(dir)[WAL_CURRENT]!.length).toBe(log.length - 1);
});
