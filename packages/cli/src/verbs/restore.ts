/** `hearthkv restore`: a new data directory as another one was at an earlier point. */
import type { RestorePoint } from "@hearthkv/server";
import { Command } from "commander";
import { UsageError } from "../errors.js";
import { wholeNumber } from "../serve/values.js";
import { timeOrMs } from "../time.js";
import { exitOnSignals, withTools } from "../tool.js";

interface RestoreFlags {
  readonly toSequence?: string;
  readonly toTime?: string;
}

/** The verb, to be added to the program. */
export function restoreCommand(): Command {
  return new Command("restore")
    .description("make a new data directory of what another one (or a backup) held at an earlier point of its log")
    .argument("<dir>", "data directory; it is only read")
    .argument("<target>", "new folder")
    .option("--to-sequence <number>", "the last log entry to be there (hearthkv inspect shows them)")
    .option(
      "--to-time <time>",
      "everything before the first entry that is later: milliseconds since 1970, or 2026-01-31T12:00:00Z",
    )
    .action(restore);
}

async function restore(dir: string, target: string, flags: RestoreFlags): Promise<void> {
  const point = readPoint(flags);
  exitOnSignals();
  const { sequence, recovered } = await withTools((tools) => tools.restoreDirectory(dir, target, point));
  process.stdout.write(`restored to sequence ${sequence}\nkeys: ${recovered.keys}\ndigest: ${recovered.digest}\n`);
}

function readPoint({ toSequence, toTime }: RestoreFlags): RestorePoint {
  if (toSequence !== undefined && toTime === undefined) {
    try {
      return { sequence: wholeNumber(0)(toSequence) };
    } catch (error) {
      throw new UsageError(`--to-sequence ${(error as Error).message}`);
    }
  }
  if (toTime !== undefined && toSequence === undefined) return { timeMs: timeOrMs("--to-time", toTime) };
  throw new UsageError("restore needs --to-sequence or --to-time, and not both");
}
