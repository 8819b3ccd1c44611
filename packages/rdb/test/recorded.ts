/** What DUMP gave on real servers, and what it stands for. Elements are latin1; members of sorted sets stand with their scores, fields with their values. */
export interface RecordedPayload {
  readonly server: string;
  readonly hex: string;
  readonly kind: string;
  readonly elements: readonly (string | number)[];
  /** Fields' expiries, in the order of the fields that have one. */
  readonly expiries?: readonly number[];
}

const STRING = { kind: "string", elements: ["abc".repeat(20)] };
const INT = { kind: "string", elements: ["-70000"] };
const LIST = { kind: "list", elements: ["a", "-1", "4096", "9223372036854775807", ""] };
const INTS = { kind: "set", elements: ["-2", "1", "70000"] };
const SET = { kind: "set", elements: ["a", "12", "bb"] };
const HASH = { kind: "hash", elements: ["f", "v", "n", "12"] };
const ZSET = { kind: "zset", elements: ["c", Number.NEGATIVE_INFINITY, "a", 1, "b", 2.5] };
const ZSET_DOWN = { kind: "zset", elements: ["b", 2.5, "a", 1, "c", Number.NEGATIVE_INFINITY] };
const EXPIRIES = [4102444800000];

const R7 = "redis 7.0.15";
const R8 = "redis 8.0.6";
const V8 = "valkey 8.1.1";
const V9 = "valkey 9.1.2";

export const recordedPayloads: readonly RecordedPayload[] = [
  { server: R7, hex: "00c30b3c0361626361e02d020162630a006f6029e4afd764ac", ...STRING },
  { server: R7, hex: "00c290eefeff0a002875de7b13eb2800", ...INT },
  {
    server: R7,
    hex: "1201021d1d0000000500816102dfff02f1001003f4ffffffffffffff7f098001ff0a00f512952601294454",
    ...LIST,
  },
  { server: R7, hex: "0b140400000003000000feffffff01000000701101000a0030527df8cc311f3b", ...INTS },
  { server: R7, hex: "0203026262c00c01610a002400fb33b149d79c", ...SET, elements: ["bb", "12", "a"] },
  { server: R7, hex: "1012120000000400816602817602816e020c01ff0a0001369481d35b8974", ...HASH },
  { server: R7, hex: "111d1d0000000600816302842d696e6605816102010181620283322e3504ff0a003992339be11f323d", ...ZSET },
  {
    server: R7,
    hex: "0503016200000000000004400161000000000000f03f0163000000000000f0ff0a009a24ca8fdcb1d08c",
    ...ZSET_DOWN,
  },
  { server: R7, hex: "040201660176016ec00c0a002acab7136ca4a7ab", ...HASH },
  { server: R8, hex: "14101000000003008161020c0182626203ff0c00cc0ddd5f65ac616d", ...SET },
  { server: R8, hex: "1012120000000400816602817602816e020c01ff0c00ca40a0412971173d", ...HASH },
  {
    server: R8,
    hex: "1800d8c32cbb0300000200016ec00c01016601760c00d6a859de12c2c77a",
    ...HASH,
    elements: ["n", "12", "f", "v"],
    expiries: EXPIRIES,
  },
  {
    server: R8,
    hex: "1900d8c32cbb0300001e1e0000000600816602817602f400d8c32cbb03000009816e020c010001ff0c00dac885d5ad8c3f24",
    ...HASH,
    expiries: EXPIRIES,
  },
  {
    server: V8,
    hex: "1201021d1d0000000500816102dfff02f1001003f4ffffffffffffff7f098001ff0b009ccd2855fcb6addd",
    ...LIST,
  },
  { server: V9, hex: "14101000000003008161020c0182626203ff5000c851200e01d498d0", ...SET },
  {
    server: V9,
    hex: "16020166017600d8c32cbb030000016ec00cffffffffffffffff500015b73644370d49e1",
    ...HASH,
    expiries: EXPIRIES,
  },
];

/** Streams of an entry with the field a, in the three forms there are. */
export const recordedStreams: readonly string[] = [
  "130110000000000000000100000000000000011d1d0000000a0001010001010181610200010201000100018162020401ff0101010101000001000a006f4334ecd7fa5aec",
  "150110000000000000000100000000000000011d1d0000000a0001010001010181610200010201000100018162020401ff0101010101000001000c00d7e5baef128b9484",
];
