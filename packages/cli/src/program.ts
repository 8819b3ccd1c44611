/** The command line as a whole: verbs, help, and how each kind of failure ends the process. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { RunError, UsageError } from "./errors.js";
import { backupCommand } from "./verbs/backup.js";
import { checkCommand } from "./verbs/check.js";
import { cliCommand } from "./verbs/cli.js";
import { exportCommand } from "./verbs/export.js";
import { importCommand } from "./verbs/import.js";
import { inspectCommand } from "./verbs/inspect.js";
import { repairCommand } from "./verbs/repair.js";
import { restoreCommand } from "./verbs/restore.js";
import { serveCommand } from "./verbs/serve.js";

/** The version in the package's own manifest, which is the project's. */
export const version: string = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;

/**
 * Runs `hearthkv` with the arguments after the program's name and sets process.exitCode:
 * 0 done, 1 it could not be done, 2 it was asked wrongly. Each failure is one line on stderr, and so is each problem of a settings file.
 */
export async function main(args: readonly string[]): Promise<void> {
  // Whoever read our output may go away (`hearthkv … | head`); that ends neither a server nor a client with a stack.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.stderr.on("error", () => {}); // on a full disk nobody can be told
  const program = buildProgram();
  if (args.length === 0) {
    program.outputHelp();
    return;
  }
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    const failure = describeFailure(error);
    for (const line of failure.line.split("\n")) if (line !== "") process.stderr.write(`hearthkv: ${line}\n`);
    process.exitCode = failure.exitCode;
  }
}

function buildProgram(): Command {
  const program = new Command("hearthkv")
    .description("HearthKV: a Redis-compatible in-memory server that is still warm after a crash")
    .version(version, "-v, --version", "print the version")
    .enablePositionalOptions();
  const verbs = [
    serveCommand(version),
    cliCommand(),
    checkCommand(),
    inspectCommand(),
    repairCommand(),
    backupCommand(),
    restoreCommand(),
    exportCommand(),
    importCommand(),
  ];
  for (const command of verbs) program.addCommand(command);
  program
    .command("version")
    .description("print the version")
    .action(() => {
      process.stdout.write(`${version}\n`);
    });
  for (const command of [program, ...program.commands]) {
    command
      .helpOption("--help", "print this help") // -h is the client's host, as in redis-cli
      .exitOverride()
      .configureOutput({ outputError: () => {} }); // `main` prints the one line
  }
  return program.helpCommand("help [verb]", "print this help, or that of a verb");
}

function describeFailure(error: unknown): { line: string; exitCode: number } {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { line: "", exitCode: 0 };
    const line = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    return { line: line.replace("(Did", "(did"), exitCode: 2 };
  }
  if (error instanceof UsageError) return { line: error.message, exitCode: 2 };
  if (error instanceof RunError) return { line: error.message, exitCode: 1 };
  throw error;
}
