#!/usr/bin/env node
// Writes COMMANDS.md anew from the declarations of the commands: npm run commands:page.
import { writeFileSync } from "node:fs";
import { commandsPage, makeCommandTable } from "@hearthkv/commands";

writeFileSync(new URL("../COMMANDS.md", import.meta.url), commandsPage(makeCommandTable()));
