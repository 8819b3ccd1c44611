/** `hearthkv export`: the data of a directory as JSON lines, as Redis's append-only file, or as BSON. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import type { ExportFormat } from "@hearthkv/server";
import { Command, Option } from "commander";
import { UsageError } from "../errors.js";
import { withTools } from "../tool.js";

/** The verb, to be added to the program. */
export function exportCommand(): Command {
  return new Command("export")
    .description("write the data of a directory, also of one in use, in a form that other programs read")
    .argument("<dir>", "data directory")
    .argument("[file]", "new file (default: standard output)")
    .addOption(
      new Option("--format <format>", "jsonl, bson, or aof: Redis's append-only file")
        .choices(["jsonl", "bson", "aof"])
        .default("jsonl"),
    )
    .action(runExport);
}

async function runExport(
  dir: string,
  file: string | undefined,
  { format }: { readonly format: ExportFormat },
): Promise<void> {
  const out = file === undefined ? standardOutput : openNew(file);
  try {
    const { keys, sequence } = await withTools((tools) => tools.exportDirectory(dir, format, out.write));
    out.end();
    process.stderr.write(`${keys} keys, up to sequence ${sequence}\n`);
  } catch (error) {
    out.abandon();
    throw error;
  }
}

interface Output {
  readonly write: (chunk: Buffer) => void;
  readonly end: () => void;
  /** Nothing half done is left. */
  readonly abandon: () => void;
}

const standardOutput: Output = { write: (chunk) => process.stdout.write(chunk), end: () => {}, abandon: () => {} };

function openNew(file: string): Output {
  let fd: number;
  try {
    fd = openSync(file, "wx", 0o600);
  } catch (error) {
    throw new UsageError(`the file cannot be made: ${(error as Error).message}`);
  }
  return {
    write: (chunk) => {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    },
    end: () => {
      fsyncSync(fd);
      closeSync(fd);
    },
    abandon: () => rmSync(file, { force: true }),
  };
}
