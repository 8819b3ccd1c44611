#!/usr/bin/env node
// Launcher: everything lives in packages/cli, which `npm run setup` builds.
import { existsSync } from "node:fs";

// Without a listener Node opens a debugger on SIGUSR1, through which everybody on this machine could run code here.
process.on("SIGUSR1", () => {});

const built = new URL("../packages/cli/dist/index.js", import.meta.url);
if (existsSync(built)) {
  const { main } = await import(built.href);
  await main(process.argv.slice(2));
} else {
  process.stderr.write("hearthkv: not built yet: run `npm run setup` first\n");
  process.exitCode = 1;
}
