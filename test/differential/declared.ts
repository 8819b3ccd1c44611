/** Templates made from what a command declares: its syntax says what to draw, its group which keys, its tips how replies are compared. */
import { type CommandArgument, type CommandGroup, parseArguments, type TableRow } from "@hearthkv/commands";
import type { Arguments, Family } from "./arguments.js";
import { edgeIntegers, edgeTimes } from "./arguments.js";
import { exact, kinds, type Rule, scoresAnywhere, unordered } from "./rules.js";
import type { Template } from "./templates.js";

/** The groups whose commands work on keys, and the family of keys that they mostly meet; null: any. */
const familyOf: Readonly<Partial<Record<CommandGroup, Family | null>>> = {
  string: "string",
  bitmap: "string",
  hyperloglog: "string",
  hash: "hash",
  list: "list",
  set: "set",
  "sorted-set": "zset",
  geo: "zset",
  generic: null,
};
/** What the peer is. */
const PEER_VERSION = [7, 0];
const WEIGHT = 3;
const OPTION_CHANCE = 0.35;
const REPEAT_CHANCE = 0.05;
const COUNT_WRONG_CHANCE = 0.1;

/** A template for a command on keys that the peer has and that cannot wait; null for others. */
export function declaredTemplate(row: TableRow): Template | null {
  const family = familyOf[row.group];
  if (family === undefined || row.syntax === undefined || row.flags.includes("blocking") || isNewer(row.since))
    return null;
  const args = parseArguments(row.syntax);
  return { weight: WEIGHT, parts: [(a) => drawAll(a, args, family)], rule: () => ruleOf(row) };
}

function isNewer(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major > PEER_VERSION[0] || (major === PEER_VERSION[0] && minor > PEER_VERSION[1]);
}

function ruleOf(row: TableRow): Rule {
  if (row.tips?.includes("nondeterministic_output")) return kinds;
  if (row.tips?.includes("nondeterministic_output_order")) return unordered;
  return row.group === "sorted-set" || row.group === "geo" ? scoresAnywhere : exact;
}

/** Options that stand side by side come in any order, now and then twice, or with others of their kind. */
function drawAll(a: Arguments, args: readonly CommandArgument[], family: Family | null): string[] {
  const drawn: string[][] = [];
  for (let i = 0; i < args.length; i++) {
    if (!args[i].optional) {
      drawn.push(isKeyCount(args[i], args[i + 1]) ? countedKeys(a, args[++i], family) : draw(a, args[i], family));
      continue;
    }
    const options: string[][] = [];
    for (; i < args.length && args[i].optional; i++) {
      if (a.random.chance(OPTION_CHANCE)) options.push(draw(a, args[i], family));
      if (a.random.chance(REPEAT_CHANCE)) options.push(draw(a, args[i], family));
    }
    drawn.push(a.random.shuffle(options).flat());
    i--;
  }
  return drawn.flat();
}

function isKeyCount({ name }: CommandArgument, next: CommandArgument | undefined): boolean {
  return name === "numkeys" && next?.type === "key";
}

function countedKeys(a: Arguments, keys: CommandArgument, family: Family | null): string[] {
  const drawn = draw(a, keys, family);
  return [a.random.chance(COUNT_WRONG_CHANCE) ? a.random.pick(edgeIntegers) : String(drawn.length), ...drawn];
}

function draw(a: Arguments, arg: CommandArgument, family: Family | null): string[] {
  const times = arg.multiple ? a.random.int(1, 4) : 1;
  const word = arg.token !== null && arg.type !== "pure-token" ? [a.casing(arg.token)] : [];
  const drawn: string[] = arg.multipleToken ? [] : word;
  for (let i = 0; i < times; i++) drawn.push(...(arg.multipleToken ? word : []), ...drawOne(a, arg, family));
  return drawn;
}

function drawOne(a: Arguments, arg: CommandArgument, family: Family | null): string[] {
  switch (arg.type) {
    case "key":
      return [a.key(family ?? undefined)];
    case "oneof":
      return draw(a, a.random.pick(arg.args), family);
    case "block":
      return drawAll(a, arg.args, family);
    case "pure-token":
      return [a.casing(arg.token as string)];
    case "pattern":
      return [a.pattern()];
    case "integer":
      return [drawInteger(a, arg.name)];
    case "unix-time":
      return [a.random.chance(0.1) ? a.random.pick(edgeTimes) : timestamp(a, arg.name)];
    case "double":
      return [drawDouble(a, arg.name)];
    default:
      return [drawText(a, arg.name, family)];
  }
}

function drawInteger(a: Arguments, name: string): string {
  if (name.includes("seconds")) {
    if (a.random.chance(0.1)) return a.random.pick(edgeTimes);
    return name.includes("milli") ? a.milliseconds() : a.seconds();
  }
  return name.includes("count") ? a.count() : a.integer();
}

function timestamp(a: Arguments, name: string): string {
  return name.includes("milli") ? a.timestampMs() : a.timestamp();
}

function drawDouble(a: Arguments, name: string): string {
  if (name === "min" || name === "max") return a.scoreBound();
  return name === "score" ? a.score() : a.float();
}

function drawText(a: Arguments, name: string, family: Family | null): string {
  if ((name === "min" || name === "max") && family === "zset") return a.lexBound();
  return /^(field|member)/.test(name) ? a.member() : a.value();
}
