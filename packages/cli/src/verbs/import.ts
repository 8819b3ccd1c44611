/** `hearthkv import`: a new data directory of an exported file, or of Redis's append-only file. */
import { statSync } from "node:fs";
import { Command, Option } from "commander";
import type { CutEnd } from "../append-only-file.js";
import { UsageError } from "../errors.js";
import { exitOnSignals, withTools } from "../tool.js";

type Format = "jsonl" | "bson" | "aof";

const ENDINGS: Readonly<Record<string, Format>> = { jsonl: "jsonl", bson: "bson", aof: "aof", manifest: "aof" };

/** The verb, to be added to the program. */
export function importCommand(): Command {
  return new Command("import")
    .description("make a new data directory of what export wrote, or of Redis's append-only file")
    .argument("<file>", "the file; of Redis 7 the .manifest in its appendonlydir, or one .aof")
    .argument("<dir>", "new folder")
    .addOption(
      new Option("--format <format>", "jsonl, bson or aof (default: by the file's ending)").choices([
        "jsonl",
        "bson",
        "aof",
      ]),
    )
    .action(runImport);
}

async function runImport(file: string, dir: string, flags: { readonly format?: Format }): Promise<void> {
  const format = flags.format ?? ENDINGS[/[^.]*$/.exec(file)?.[0] ?? ""];
  if (format === undefined) throw new UsageError(`--format is needed: the ending of ${file} does not tell it`);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) throw new UsageError(`${file} is no file`);
  exitOnSignals();
  const { keys, digest } = await withTools(async (tools) => {
    if (format === "aof") {
      const { readAppendOnlyFile } = await import("../append-only-file.js"); // here, so that a server does not load it
      return tools.importCommands(dir, readAppendOnlyFile(file, tellCut));
    }
    return tools.importDump(file, dir, format);
  });
  process.stdout.write(`keys: ${keys}\ndigest: ${digest}\n`);
}

function tellCut({ file: name, offset, bytes, inside }: CutEnd): void {
  const what = `${name} ends inside ${inside}: its last ${bytes} bytes, from offset ${offset} on, are left out`;
  process.stderr.write(`hearthkv: ${what}\n`);
}
