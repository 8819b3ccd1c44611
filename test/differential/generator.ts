/** Draws sequences of commands from templates and groups. */
import { makeCommandTable } from "@hearthkv/commands";
import { Arguments, edgeTimes, traps } from "./arguments.js";
import { declaredTemplate } from "./declared.js";
import { groups } from "./groups.js";
import type { Random } from "./random.js";
import { type Step, step } from "./step.js";
import { type Template, templates } from "./templates.js";

interface Choice {
  /** The sum of the weights up to this one. */
  readonly upTo: number;
  readonly make: () => Step[];
}

const EXEC_CHANCE = 0.2;
const DISCARD_CHANCE = 0.03;
const BENT_CHANCE = 0.05;

/** HEARTHKV_DIFFERENTIAL_FOCUS: commands that come much more often, as "dump,restore"; for who works on them. */
const focus = process.env.HEARTHKV_DIFFERENTIAL_FOCUS?.split(",") ?? [];
const FOCUS_WEIGHT = 60;

/** What the generator has sent on a connection; a queued command that fails may make it guess wrong, which does no harm. */
export interface Sent {
  inMulti: boolean;
}

/** The same seed gives the same commands. */
export class Generator {
  readonly #random: Random;
  readonly #arguments: Arguments;
  readonly #choices: Choice[] = [];

  /** @param without names of rows and groups to leave out */
  constructor(random: Random, protocol: 2 | 3, without: readonly string[] = []) {
    this.#random = random;
    this.#arguments = new Arguments(random);
    let upTo = 0;
    for (const [name, template] of allTemplates()) {
      if (without.includes(name)) continue;
      upTo += focus.includes(name) ? FOCUS_WEIGHT : template.weight;
      this.#choices.push({ upTo, make: () => [this.#fromTemplate(name, template)] });
    }
    for (const [name, { weight, covers, make }] of Object.entries(groups)) {
      if (without.includes(name)) continue;
      upTo += covers.some((row) => focus.includes(row)) ? FOCUS_WEIGHT : weight;
      this.#choices.push({ upTo, make: () => make(this.#arguments, protocol) });
    }
  }

  /** At least `size` commands for one connection; groups are never split. */
  batch(size: number, sent: Sent): Step[] {
    const steps: Step[] = [];
    while (steps.length < size) {
      if (sent.inMulti && this.#random.chance(EXEC_CHANCE)) steps.push(step(["exec"]));
      else if (sent.inMulti && this.#random.chance(DISCARD_CHANCE)) steps.push(step(["discard"]));
      else steps.push(...this.#choose());
      const last = steps[steps.length - 1].args[0].toLowerCase();
      if (last === "multi") sent.inMulti = true;
      if (last === "exec" || last === "discard") sent.inMulti = false;
    }
    return steps;
  }

  #choose(): Step[] {
    const choices = this.#choices;
    const dice = this.#random.next() * choices[choices.length - 1].upTo;
    let low = 0;
    let high = choices.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (choices[middle].upTo > dice) high = middle;
      else low = middle + 1;
    }
    return choices[low].make();
  }

  #fromTemplate(name: string, { parts, rule, fixed }: Template): Step {
    const a = this.#arguments;
    const words = name.split("|").map((word) => a.casing(word));
    let args = parts.flatMap((part) => part(a));
    if (fixed !== true && this.#random.chance(BENT_CHANCE)) args = this.#bend(args);
    const all = [...words, ...args];
    return step(all, rule?.(all) ?? undefined);
  }

  /** One argument too few, too many, or other than it should be. */
  #bend(args: readonly string[]): string[] {
    const { int, pick } = { int: this.#random.int.bind(this.#random), pick: this.#random.pick.bind(this.#random) };
    const strange = () =>
      pick(pick([traps, edgeTimes, ["nx", "xx", "get", "ch", "count", "limit", "withscores", "rev"]]));
    const bent = [...args];
    switch (int(0, 3)) {
      case 0:
        bent.pop();
        break;
      case 1:
        bent.push(strange());
        break;
      case 2:
        if (bent.length > 0) bent[int(0, bent.length - 1)] = strange();
        break;
      default:
        bent.splice(int(0, bent.length), 0, strange());
    }
    return bent;
  }
}

/** Those that are written down, and those that follow from the declarations of all that has no other. */
function allTemplates(): Map<string, Template> {
  const all = new Map(Object.entries(templates));
  const covered = new Set(Object.values(groups).flatMap(({ covers }) => covers));
  for (const row of makeCommandTable().allRows()) {
    const template = all.has(row.name) || covered.has(row.name) ? null : declaredTemplate(row);
    if (template !== null) all.set(row.name, template);
  }
  return all;
}

/** Rows that a generator makes commands for. */
export function generatedRows(): Set<string> {
  return new Set([...allTemplates().keys(), ...Object.values(groups).flatMap(({ covers }) => covers)]);
}
