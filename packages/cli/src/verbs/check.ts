/** `hearthkv check`: is a data directory whole? */
import type { CheckReport } from "@hearthkv/server";
import { Command } from "commander";
import { ProgressBar } from "../progress.js";
import { withTools } from "../tool.js";

interface CheckFlags {
  readonly strict?: boolean;
  readonly digest: boolean;
}

/** The verb, to be added to the program. */
export function checkCommand(): Command {
  return new Command("check")
    .description("check every byte of a data directory, also of one in use; changes nothing")
    .argument("<dir>", "data directory")
    .option("--strict", "an unfinished end of the log, as a power loss leaves it, is damage, too")
    .option("--no-digest", "do not load the data: needs little memory, gives no digest")
    .addHelpText("after", "\nExit code: 0 clean, 1 damaged, 2 asked wrongly (no such directory, no data in it).")
    .action(check);
}

async function check(dir: string, flags: CheckFlags): Promise<void> {
  const bar = new ProgressBar("checking");
  const { strict = false, digest } = flags;
  const options = { strict, digest, onProgress: (fraction: number) => bar.show(fraction) };
  const report = await withTools((tools) => tools.checkDirectory(dir, options)).finally(() => bar.clear());
  process.stdout.write(describe(report));
  if (report.problems.length > 0) process.exitCode = 1;
}

function describe({ files, notes, problems, recovered }: CheckReport): string {
  const lines = [...files, ...notes.map((note) => `note: ${note}`)];
  if (recovered !== null) {
    const { lastSequence, keys, digest, snapshot, snapshotEntries, logEntries } = recovered;
    const from = `${snapshotEntries} entries from ${snapshot ?? "no snapshot"} and ${logEntries} from the log`;
    lines.push(`recovers to sequence ${lastSequence}: ${from}`);
    if (digest !== null) lines.push(`keys: ${keys}`, `digest: ${digest}`);
  } else {
    lines.push("a start of the server would refuse");
  }
  lines.push(...problems.map(({ message }) => `damage: ${message}`));
  lines.push(problems.length === 0 ? "clean" : `damaged: ${problems.length} found`);
  return `${lines.join("\n")}\n`;
}
