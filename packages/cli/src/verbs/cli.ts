/** `hearthkv cli`: a small client, one-shot (`hearthkv cli GET key`) and interactive (`hearthkv cli`). */
import { Command, Option } from "commander";
import type { ClientOptions } from "../client/session.js";
import { UsageError } from "../errors.js";
import { wholeNumber } from "../serve/values.js";

interface CliFlags {
  readonly host: string;
  readonly port: string;
  readonly pass?: string;
  readonly db: string;
  readonly raw?: boolean;
}

/** The verb, to be added to the program. */
export function cliCommand(): Command {
  const command: Command = new Command("cli")
    .description("talk to a server: one command, or a prompt when none is given")
    .argument("[command...]", "command and its arguments, such as: SET key value")
    .option("-h, --host <address>", "server's address", "127.0.0.1")
    .option("-p, --port <number>", "server's port", "6379")
    .addOption(new Option("-a, --pass <password>", "password").env("REDISCLI_AUTH"))
    .option("-n, --db <number>", "database", "0")
    .option("--raw", "print replies as they are (default when the output is not a terminal)")
    .option("--no-raw", "print replies for people, whatever the output is")
    .passThroughOptions() // what follows the command's name belongs to the command: SET key -1
    .action(async (words: string[], flags: CliFlags) => {
      // As redis-cli: HELP is no command of the server.
      if (words.length === 1 && words[0]?.toLowerCase() === "help") command.outputHelp();
      else process.exitCode = await runClient(words, flags);
    });
  return command;
}

async function runClient(words: readonly string[], flags: CliFlags): Promise<number> {
  const { ClientSession } = await import("../client/session.js"); // here, so that a server does not load it
  const session = new ClientSession(readFlags(flags));
  try {
    if (words.length === 0) {
      const { runInteractive } = await import("../client/interactive.js");
      return await runInteractive(session);
    }
    await session.connect();
    await session.run(words.map((word) => Buffer.from(word, "utf8")));
    return 0;
  } finally {
    session.close();
  }
}

function readFlags(flags: CliFlags): ClientOptions {
  return {
    host: flags.host,
    port: readNumber("--port", flags.port, 1, 65535),
    password: flags.pass ?? "",
    database: readNumber("--db", flags.db, 0, Number.MAX_SAFE_INTEGER),
    raw: flags.raw ?? !process.stdout.isTTY,
    write: (text) => process.stdout.write(text),
  };
}

function readNumber(flag: string, text: string, min: number, max: number): number {
  try {
    return wholeNumber(min, max)(text);
  } catch (error) {
    throw new UsageError(`${flag} ${(error as Error).message}`);
  }
}
