/** `hearthkv backup`: a checked copy of a data directory, also of one in use. */
import { Command } from "commander";
import { ProgressBar } from "../progress.js";
import { exitOnSignals, withTools } from "../tool.js";

/** The verb, to be added to the program. */
export function backupCommand(): Command {
  return new Command("backup")
    .description("copy a data directory, also one in use, as it is at one moment, and check the copy")
    .argument("<dir>", "data directory")
    .argument("<target>", "new folder")
    .option("--no-digest", "check the copy without loading it: needs little memory, gives no digest")
    .action(backup);
}

async function backup(dir: string, target: string, { digest }: { readonly digest: boolean }): Promise<void> {
  const bar = new ProgressBar("copying");
  const onProgress = (fraction: number) => bar.show(fraction);
  exitOnSignals();
  const done = await withTools((tools) => tools.backupDirectory(dir, target, { digest, onProgress })).finally(() => {
    bar.clear();
  });
  const { files, bytes, recovered } = done;
  const lines = [`${files} files, ${bytes} bytes, up to sequence ${recovered.lastSequence}`];
  if (recovered.digest !== null) lines.push(`keys: ${recovered.keys}`, `digest: ${recovered.digest}`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
