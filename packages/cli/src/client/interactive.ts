/** The prompt: reads lines, runs them, goes on after errors, and connects again when the server came back. */
import readline from "node:readline";
import { type ClientSession, expectedMessage } from "./session.js";
import { splitLine } from "./split-line.js";

const HELP = `A command and its arguments, such as: SET key "a value"
COMMAND LIST names the commands, COMMAND DOCS NAME tells about one; quit ends.
`;

/**
 * Runs until the input ends, `quit`, `exit` or Ctrl-C. A terminal gets a prompt; piped input is run line by line in silence.
 * @returns the exit code: 1 when piped input met a lost or missing server, otherwise 0
 */
export async function runInteractive(session: ClientSession): Promise<number> {
  const terminal = process.stdin.isTTY === true;
  const lines = readline.createInterface({ input: process.stdin, output: process.stdout, terminal, prompt: "" });
  lines.on("SIGINT", () => process.exit(0));
  let exitCode = 0;
  const prompt = () => {
    if (!terminal) return;
    lines.setPrompt(session.prompt);
    lines.prompt();
  };
  if (terminal) await session.connect().catch((error) => process.stderr.write(`${expectedMessage(error)}\n`));
  prompt();
  for await (const line of lines) {
    const args = splitLine(line);
    if (args === null) process.stdout.write("Invalid argument(s)\n");
    else if (args.length > 0) {
      const verb = args[0]!.toString("latin1").toLowerCase();
      if (verb === "quit" || verb === "exit") break;
      try {
        if (verb === "help" && args.length === 1) process.stdout.write(HELP);
        else await session.run(args);
      } catch (error) {
        process.stderr.write(`Error: ${expectedMessage(error)}\n`);
        if (!terminal) {
          exitCode = 1;
          break;
        }
      }
    }
    prompt();
  }
  lines.close();
  return exitCode;
}
