/** `hearthkv repair`: makes a damaged data directory one that a server starts on. */
import type { RepairPlan } from "@hearthkv/server";
import { Command } from "commander";
import { RunError } from "../errors.js";
import { withTools } from "../tool.js";

/** The verb, to be added to the program. */
export function repairCommand(): Command {
  return new Command("repair")
    .description("say what would make a damaged data directory whole; with --yes do it")
    .argument("<dir>", "data directory; with --yes no server may use it")
    .option("--yes", "do it; what is taken away is kept in .broken files")
    .addHelpText("after", "\nExit code: 0 nothing to repair, or repaired; 1 to be repaired, or not possible.")
    .action(repair);
}

async function repair(dir: string, flags: { readonly yes?: boolean }): Promise<void> {
  await withTools(async ({ planRepair, repairDirectory }) => {
    if (flags.yes !== true) {
      const plan = await planRepair(dir);
      process.stdout.write(describe(plan, "would "));
      if (plan.kind === "nothing" || plan.kind === "impossible") return refuseImpossible(plan);
      process.stdout.write("nothing was changed: --yes does it\n");
      process.exitCode = 1;
      return;
    }
    const { plan, report } = await repairDirectory(dir);
    process.stdout.write(describe(plan, ""));
    refuseImpossible(plan);
    const left = report.problems.map(({ message }) => message);
    if (left.length > 0) throw new RunError(`damage is left: ${left.join("; ")}`);
    if (plan.kind !== "nothing") process.stdout.write(`repaired: digest ${report.recovered?.digest}\n`);
  });
}

function refuseImpossible(plan: RepairPlan): void {
  if (plan.kind === "impossible") throw new RunError(`cannot be repaired: ${plan.steps.join("; ")}`);
}

function describe({ kind, problems, steps, loss }: RepairPlan, would: string): string {
  const lines = problems.map((problem) => `damage: ${problem}`);
  if (kind === "nothing") lines.push("nothing to repair");
  if (kind === "tidy" || kind === "salvage") lines.push(...steps.map((step) => `${would}${step}`));
  if (loss !== null) lines.push(`lost: ${loss}`);
  return lines.map((line) => `${line}\n`).join("");
}
