/** `hearthkv inspect`: what stands in the log and in snapshots, as text or as JSON lines. */
import type { InspectOptions, InspectRecord } from "@hearthkv/server";
import { Command } from "commander";
import { UsageError } from "../errors.js";
import { inspectJson, inspectText } from "../inspect-lines.js";
import { wholeNumber } from "../serve/values.js";
import { timeOrMs } from "../time.js";
import { withTools } from "../tool.js";

interface InspectFlags {
  readonly json?: boolean;
  readonly key?: string;
  readonly fromSeq?: string;
  readonly toSeq?: string;
  readonly fromTime?: string;
  readonly toTime?: string;
  readonly limit?: string;
}

/** The verb, to be added to the program. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("print the entries of a data directory, of one segment or of one snapshot; changes nothing")
    .argument("<path>", "data directory, segment or snapshot")
    .option("--json", "one JSON object a line")
    .option("--key <glob>", "only what names a key that matches")
    .option("--from-seq <number>", "log entries from this sequence on")
    .option("--to-seq <number>", "log entries up to this sequence")
    .option("--from-time <time>", "log entries from this time on: milliseconds since 1970, or 2026-01-31T12:00:00Z")
    .option("--to-time <time>", "log entries up to this time")
    .option("--limit <count>", "at most so many entries")
    .addHelpText("after", '\nBytes that are not UTF-8 are \\xHH as text, and {"base64": …} as JSON.')
    .action(runInspect);
}

async function runInspect(path: string, flags: InspectFlags): Promise<void> {
  const options = readOptions(flags);
  await withTools(async (tools) => {
    const line = flags.json ? (record: InspectRecord) => inspectJson(record, tools.toJson) : inspectText;
    tools.inspect(path, options, (record) => {
      process.stdout.write(`${line(record)}\n`);
      return !process.stdout.destroyed && process.stdout.writable;
    });
  });
}

function readOptions(flags: InspectFlags): InspectOptions {
  return {
    ...given("keyPattern", flags.key, (text) => Buffer.from(text, "utf8").toString("latin1")),
    ...given("fromSequence", flags.fromSeq, number("--from-seq")),
    ...given("toSequence", flags.toSeq, number("--to-seq")),
    ...given("fromTimeMs", flags.fromTime, (text) => timeOrMs("--from-time", text)),
    ...given("toTimeMs", flags.toTime, (text) => timeOrMs("--to-time", text)),
    ...given("limit", flags.limit, number("--limit")),
  };
}

function given<T>(name: keyof InspectOptions, text: string | undefined, read: (text: string) => T): object {
  return text === undefined ? {} : { [name]: read(text) };
}

function number(flag: string): (text: string) => number {
  return (text) => {
    try {
      return wholeNumber(0)(text);
    } catch (error) {
      throw new UsageError(`${flag} ${(error as Error).message}`);
    }
  };
}
