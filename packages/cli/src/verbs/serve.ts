/** `hearthkv serve`: starts the server, says where it is, and ends it in order when it is asked to. */
import { writeSync } from "node:fs";
import { resolve } from "node:path";
import type { createLogger, RunningServer, ServerOptions, ShutdownRequest } from "@hearthkv/server";
import { Command, Option } from "commander";
import { RunError, UsageError } from "../errors.js";
import { configVariable, type Flags, resolveSettings } from "../serve/resolve.js";
import { type ServeSettings, type Setting, settings, variableName } from "../serve/settings.js";

type Logger = ReturnType<typeof createLogger>;
type Served = Pick<ServeSettings, "disablePersistence" | "dataDir">;

/** The verb, to be added to the program. */
export function serveCommand(version: string): Command {
  const command = new Command("serve")
    .description("run the server until SIGTERM, SIGINT, SIGQUIT or SHUTDOWN")
    .argument("[file]", "the same as --config FILE, as for redis-server")
    .addOption(new Option("--config <file>", `settings file, JSON or in the style of redis.conf [${configVariable}]`));
  for (const setting of Object.values(settings) as Setting<unknown>[]) command.addOption(toOption(setting));
  return command
    .addHelpText(
      "after",
      "\nA flag goes before its environment variable [in brackets], that before the settings file, that before the default.",
    )
    .action((file: string | undefined, flags: Flags) => serve(file, flags, version));
}

function toOption(setting: Setting<unknown>): Option {
  const shown =
    setting.fallbackText ??
    (typeof setting.fallback === "boolean" ? yesNo(setting.fallback) : String(setting.fallback));
  const help = `${setting.help} (default: ${shown}) [${variableName(setting)}]`;
  return new Option(`--${setting.name} ${setting.value ?? "[yes|no]"}`, help);
}

function yesNo(value: boolean): string {
  return value ? "yes" : "no";
}

/** Ctrl-C under npm comes twice, from the terminal and from npm; nobody asks twice so soon. */
const SAME_SIGNAL_MS = 300;

/** Serves until the process is asked to end; the exit code is 0 after an orderly stop. */
async function serve(file: string | undefined, flags: Flags, version: string): Promise<void> {
  const startedAt = performance.now();
  if (file !== undefined && flags.config !== undefined)
    throw new UsageError("--config and a file are two files: give one");
  const { configProblem, createLogger, printLog } = await import("@hearthkv/server"); // here, so that the other verbs start without loading it
  const { logFormat, ...settings } = resolveSettings(
    { ...flags, config: file ?? flags.config },
    process.env,
    configProblem,
  );
  const format = logFormat === "auto" ? (process.stdout.isTTY ? "text" : "json") : logFormat;
  const logger = createLogger(settings.logLevel, format, 1);
  const giveUp = new AbortController();
  let server: RunningServer | null = null;
  let stoppingSince = 0;
  let exitCode = 0;
  const stop = ({ save, error }: ShutdownRequest) => {
    if (stoppingSince !== 0) return;
    stoppingSince = performance.now();
    if (error !== undefined) {
      exitCode = 1;
      process.stderr.write(`hearthkv: ${error.message}\n`);
    }
    if (server === null) giveUp.abort();
    else end(server, save, exitCode, logger);
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
    process.on(signal, () => {
      if (stoppingSince === 0) {
        logger.info(`${signal}: stopping`);
        stop({ save: true });
      } else if (performance.now() - stoppingSince > SAME_SIGNAL_MS) endAtOnce(signal);
    });
  }
  process.on("SIGHUP", () => {}); // as Redis: a terminal that is closed does not end a server
  try {
    server = await start({ ...settings, logger, onShutdownRequested: stop, signal: giveUp.signal });
  } catch (error) {
    // While the data is loaded nothing has changed that would have to be saved.
    if (giveUp.signal.aborted) {
      logger.info("goodbye");
      process.exit(exitCode);
    }
    throw error;
  }
  printLog(1, `${banner(settings, version, server, performance.now() - startedAt)}\n`);
}

/** Codes of storage errors that a repair may help with. */
const DAMAGE = /^(corrupt|missing)-|^sequence-gap$/;

function repairAdvice(dataDir = ""): string {
  return `hearthkv repair ${resolve(dataDir)} says what can be saved, and how`;
}

async function start(options: ServerOptions): Promise<RunningServer> {
  const { startServer } = await import("@hearthkv/server");
  try {
    return await startServer(options);
  } catch (error) {
    const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
    // Errors of the system and of the storage carry a code and say all there is to say; others are bugs and keep their stack.
    if (code === undefined) throw error;
    if (code === "EADDRINUSE") throw new RunError(`cannot listen on ${address}:${port}: it is in use already`);
    throw new RunError(DAMAGE.test(code) ? `${message}. ${repairAdvice(options.dataDir)}` : message);
  }
}

/** kill -9 by our own hand: process.exit would wait for a worker that may hang in a system call. What was promised is in the log. */
function endAtOnce(signal: NodeJS.Signals): void {
  writeSync(2, `hearthkv: second ${signal}: ended at once, without a final snapshot\n`);
  process.kill(process.pid, "SIGKILL");
}

function end(server: RunningServer, snapshot: boolean, exitCode: number, logger: Logger): void {
  server.close({ snapshot }).then(
    () => {
      logger.info("goodbye");
      process.exit(exitCode);
    },
    (error: Error) => {
      process.stderr.write(`hearthkv: the stop failed: ${error.message}\n`);
      process.exit(1);
    },
  );
}

/** One line: version, address, data directory, keys, time. Programs that start us wait for it. */
function banner(settings: Served, version: string, server: RunningServer, elapsedMs: number): string {
  const where = server.addresses.join(" and ");
  const data = settings.disablePersistence ? "in memory only" : `data in ${resolve(settings.dataDir)}`;
  const loaded = `${server.keysLoaded} keys loaded in ${elapsedMs.toFixed(0)} ms`;
  return `HearthKV ${version} ready on ${where}, ${data}, ${loaded}, pid ${process.pid}`;
}
