/** COMMANDS.md, made from the declarations. */
import { upperAscii } from "../errors.js";
import type { CommandTable, TableRow } from "./command-table.js";
import type { CommandGroup } from "./declare.js";

const TITLES: Readonly<Record<CommandGroup, string>> = {
  string: "Strings",
  bitmap: "Bitmaps",
  hyperloglog: "HyperLogLog",
  hash: "Hashes",
  list: "Lists",
  set: "Sets",
  "sorted-set": "Sorted sets",
  geo: "Places",
  generic: "Keys",
  transactions: "Transactions",
  pubsub: "Pub/sub",
  connection: "Connections",
  server: "Server",
  cluster: "Cluster",
  lock: "Locks",
};

const HEAD = `# Commands

What HearthKV knows, made from the declarations in \`packages/commands/src\` by \`npm run commands:page\`. "Since" is the version of Redis that had the command
first; those of HearthKV alone say so. Arguments, arities and keys: \`COMMAND DOCS\` and \`COMMAND INFO\`. Everywhere: a key ends at 64 MB (Redis: 512 MB), and a time
in the year 287396.
`;

/** The text of COMMANDS.md: a table for each group, the commands of each by name. */
export function commandsPage(table: CommandTable): string {
  const rows = [...table.allRows()].filter((row) => row.subcommands === undefined || row.name === "command");
  const sections = Object.entries(TITLES).flatMap(([group, title]) => {
    const own = rows.filter((row) => row.group === group).sort((a, b) => (a.name < b.name ? -1 : 1));
    return own.length === 0 ? [] : [`\n## ${title}\n\n${markdownTable(own.map(cells))}`];
  });
  return HEAD + sections.join("");
}

function cells(row: TableRow): string[] {
  const name = upperAscii(row.name).replace("|", " ");
  const old = row.deprecated === undefined ? "" : ` Old: ${row.deprecated.replacedBy} instead.`;
  return [name, row.group === "lock" ? "HearthKV" : row.since, row.summary + old, row.differs ?? ""];
}

/** Columns as wide as their widest cell, as the formatter wants them. */
function markdownTable(rows: readonly string[][]): string {
  const all = [["command", "since", "what it does", "differs from Redis"], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column])));
  lines.splice(
    1,
    0,
    widths.map((width) => "-".repeat(width)),
  );
  return lines.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
