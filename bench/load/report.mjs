/** What every bench prints and keeps: where it ran, a table, a file. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The option that every script has: where results go. */
export const outOption = { type: "string", default: fileURLToPath(new URL("../results", import.meta.url)) };

/** The numbers, all above 0, of an option that takes a list "1,16,64". Ends the program where it has others. */
export function numbers(values, name) {
  const list = values[name].split(",").map(Number);
  if (list.every((each) => each > 0)) return list;
  return refuse(`--${name} takes numbers above 0, with commas between them, not ${values[name]}`);
}

/** The number, from `least` on, of an option. Ends the program where it has none. */
export function number(values, name, least = Number.MIN_VALUE) {
  const value = Number(values[name]);
  return value >= least
    ? value
    : refuse(
        `--${name} takes a number ${least === Number.MIN_VALUE ? "above 0" : `from ${least} on`}, not ${values[name]}`,
      );
}

/** The words of an option that takes a list of `known` ones. Ends the program where it has another. */
export function names(values, name, known) {
  const list = values[name].split(",");
  const unknown = list.find((each) => !known.includes(each));
  return unknown === undefined ? list : refuse(`--${name}: there is no ${unknown}, only ${known.join(", ")}`);
}

/** With --help: prints the head of the script, which says what it does and takes, and ends the program. */
export function helpIfAsked(scriptUrl) {
  if (!process.argv.slice(2).includes("--help")) return;
  const head = readFileSync(new URL(scriptUrl), "utf8").match(/\/\*\*\n((?: \*.*\n)*) \*\//)?.[1] ?? "";
  console.log(head.replace(/^ \* ?/gm, ""));
  process.exit(0);
}

/** Ends the program with a message about how it was called. */
export function refuse(message) {
  console.error(message);
  return process.exit(2);
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Prints command, date, machine and versions in one line, and returns them. */
export function printSetting(servers) {
  const cpu = os.cpus();
  const setting = {
    command: `node ${process.argv.slice(1).map(fromHere).join(" ")}`,
    date: new Date().toISOString().slice(0, 16),
    machine: `${cpu.length} cores (shared by servers and clients), ${cpu[0]?.model.trim()}, ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${os.release()}`,
    node: process.version,
    servers: servers.map(({ name, version }) => `${name} ${version}`),
  };
  console.log(
    `${setting.command} | ${setting.date}Z | ${setting.machine} | Node ${setting.node} | ${setting.servers.join(", ")}`,
  );
  return setting;
}

function fromHere(path) {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  return path.startsWith(root) ? path.slice(root.length) : path;
}

/** Prints rows (objects with the same properties, which are the columns' titles); numbers stand to the right. */
export function printTable(rows) {
  const titles = Object.keys(rows[0] ?? {});
  const cell = (value) => (value === undefined || Number.isNaN(value) ? "-" : String(value));
  const widths = titles.map((title) => Math.max(title.length, ...rows.map((row) => cell(row[title]).length)));
  const line = (cells, isNumber) =>
    cells.map((text, i) => (isNumber(i) ? text.padStart(widths[i]) : text.padEnd(widths[i]))).join("  ");
  const numeric = (i) => typeof rows[0][titles[i]] === "number";
  console.log(line(titles, numeric));
  for (const row of rows) {
    console.log(
      line(
        titles.map((title) => cell(row[title])),
        numeric,
      ),
    );
  }
}

/** Columns of one figure for a table: its value at each server, with so many digits behind the point. */
export function sideBySide(label, servers, values, digits = 0) {
  return Object.fromEntries(servers.map(({ name }, i) => [`${label} ${short(name)}`, rounded(values[i], digits)]));
}

/**
 * The same, and how many times the best other server's value HearthKV's (the last one's) is.
 * @param better whether "more" or "less" of it is better
 */
export function compared(label, servers, values, digits = 0, better = "less") {
  const best = bestPeer(values, better);
  return {
    ...sideBySide(label, servers, values, digits),
    ...(servers.length > 1 ? { [`${label} x best`]: rounded(values.at(-1) / values[best], 2) } : {}),
    ...(servers.length > 2 ? { [`${label} best`]: short(servers[best]?.name ?? "-") } : {}),
  };
}

/** Number of the server that HearthKV, the last one, is to be compared with; -1 where there is none, or no figure of one. */
export function bestPeer(values, better) {
  const others = values.slice(0, -1);
  return others.indexOf(better === "more" ? Math.max(...others) : Math.min(...others));
}

function short(name) {
  return name.replace("-server", "").toLowerCase();
}

/** A number with so many digits behind the point. */
export function rounded(value, digits) {
  return Number(value.toFixed(digits));
}

/** Says on standard error what was measured just now: a run is long, and its table comes at the end. */
export function progress(what, figures) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${what}: ${JSON.stringify(figures)}`);
}

/** Keeps a text in the folder of results and says where. */
export function save(outDir, name, text) {
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, name);
  writeFileSync(file, text);
  console.log(`written: ${fromHere(file)}`);
}
