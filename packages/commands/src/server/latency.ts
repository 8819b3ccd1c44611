/** LATENCY: what took long, event by event, and how long the calls of each command took. */
import type { CommandContext, LatencyEvent, LatencySample } from "../context.js";
import { latencyNoSamples, lowerAscii } from "../errors.js";
import type { TableRow } from "../table/command-table.js";
import { type CommandDeclaration, type CommandFlag, family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";

const HELP = [
  "DOCTOR",
  "    A report on what took long.",
  "GRAPH <event>",
  "    The samples of an event, drawn.",
  "HISTORY <event>",
  "    The samples of an event: Unix time and milliseconds.",
  "LATEST",
  "    The latest and the worst sample of each event.",
  "RESET [<event> ...]",
  "    Forget the samples of these events, or of all.",
  "HISTOGRAM [<command> ...]",
  "    How long calls of these commands took, or of all: cumulative counts for doubling times.",
];
const GRAPH_COLUMNS = 80;
const GRAPH_ROWS = 4;
/** From low to high within a row; what stands on something is filled. */
const GRAPH_CHARS = "_o#";

function latest({ reply, host }: CommandContext): void {
  const events = [...host.latency.events];
  reply.array(events.length);
  for (const [name, { samples, maxMs }] of events) {
    const { atSeconds, ms } = samples[samples.length - 1];
    reply.array(4);
    reply.bulkString(name);
    for (const number of [atSeconds, ms, maxMs]) reply.int(number);
  }
}

function history({ request, reply, host }: CommandContext): void {
  const samples = host.latency.events.get(request.str(2))?.samples ?? [];
  reply.array(samples.length);
  for (const { atSeconds, ms } of samples) {
    reply.array(2);
    reply.int(atSeconds);
    reply.int(ms);
  }
}

function reset({ request, reply, host }: CommandContext): void {
  const names: string[] = [];
  for (let i = 2; i < request.argc; i++) names.push(request.str(i));
  reply.int(host.latency.reset(names));
}

function graph({ request, reply, host, keyspace }: CommandContext): void {
  const name = request.str(2);
  const event = host.latency.events.get(name);
  if (event === undefined) reply.error(latencyNoSamples(name));
  else reply.verbatim("txt", drawn(name, event, Math.floor(keyspace.nowMs / 1000)));
}

function drawn(name: string, { samples, maxMs }: LatencyEvent, nowSeconds: number): string {
  const { low, high } = bounds(samples);
  const head = `${name} - high ${high} ms, low ${low} ms (all time high ${maxMs} ms)\n${"-".repeat(80)}\n`;
  const parts: string[] = [];
  for (let at = 0; at < samples.length; at += GRAPH_COLUMNS) {
    parts.push(drawnRows(samples.slice(at, at + GRAPH_COLUMNS), low, high, nowSeconds));
  }
  return head + parts.join("\n");
}

/** Columns of bars, and below each how long ago it was, from top to bottom. */
function drawnRows(samples: readonly LatencySample[], low: number, high: number, nowSeconds: number): string {
  const steps = GRAPH_CHARS.length * GRAPH_ROWS;
  const ages = samples.map(({ atSeconds }) => shortAge(nowSeconds - atSeconds));
  const heights = samples.map(({ ms }) => Math.min(steps - 1, Math.floor(((ms - low) * steps) / (high - low || 1))));
  let text = "";
  for (let row = GRAPH_ROWS - 1; row >= 0; row--) {
    for (const height of heights) {
      const part = height - row * GRAPH_CHARS.length;
      text += part < 0 ? " " : (GRAPH_CHARS[part] ?? "|");
    }
    text += "\n";
  }
  text += `${" ".repeat(samples.length)}\n`;
  const labelRows = Math.max(...ages.map((age) => age.length));
  for (let row = 0; row < labelRows; row++) text += `${ages.map((age) => age[row] ?? " ").join("")}\n`;
  return text;
}

function shortAge(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function bounds(samples: readonly LatencySample[]): { readonly low: number; readonly high: number } {
  const all = samples.map(({ ms }) => ms);
  return { low: Math.min(...all), high: Math.max(...all) };
}

function doctor({ reply, host }: CommandContext): void {
  const { events, thresholdMs } = host.latency;
  const lines: string[] = [];
  for (const [name, { samples, maxMs }] of events) {
    const mean = Math.round(samples.reduce((sum, { ms }) => sum + ms, 0) / samples.length);
    lines.push(`${name}: ${samples.length} samples, ${mean} ms on average, ${maxMs} ms at most.`);
  }
  if (thresholdMs === 0) {
    lines.push('Nothing is watched: "CONFIG SET latency-monitor-threshold <milliseconds>" begins to.');
  } else if (lines.length === 0) {
    lines.push(`Nothing took ${thresholdMs} ms or longer.`);
  } else {
    lines.push("SLOWLOG GET shows the commands, INFO latencystats how long each usually takes.");
  }
  reply.verbatim("txt", `${lines.join("\n")}\n`);
}

function histogram({ request, reply, host }: CommandContext): void {
  const rows: TableRow[] = [];
  if (request.argc === 2) {
    rows.push(...host.commands.allRows());
  } else {
    for (let i = 2; i < request.argc; i++) {
      const row = host.commands.row(lowerAscii(request.str(i)));
      if (row !== undefined) rows.push(row, ...(row.subcommands ?? []));
    }
  }
  const found = rows.flatMap(({ name, counters: { times } }) => (times === null ? [] : [{ name, times }]));
  reply.map(found.length);
  for (const { name, times } of found) {
    const steps = times.cumulative();
    reply.bulkString(name);
    reply.map(2);
    reply.bulkString("calls");
    reply.int(times.total);
    reply.bulkString("histogram_usec");
    reply.map(steps.length);
    for (const [usec, calls] of steps) {
      reply.int(usec);
      reply.int(calls);
    }
  }
}

const FLAGS: readonly CommandFlag[] = ["admin", "noscript", "loading", "stale"];
const SPECIAL = ["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];
/** What they have in common. */
const usual = {
  flags: FLAGS,
  tips: SPECIAL,
  complexity: "O(1)",
  since: "2.8.13",
} satisfies Partial<CommandDeclaration>;

export const latencyCommands = family("server", [
  {
    name: "latency",
    arity: -2,
    flags: [],
    since: "2.8.13",
    complexity: "Depends on subcommand.",
    summary: "Tells what took long, and how long commands take.",
    differs: "The events are command and fast-command. Of a quick command one call in 64 counts for all of them.",
    subcommands: [
      {
        ...usual,
        name: "latency|doctor",
        arity: 2,
        summary: "Reports on what took long.",
        differs: "In words of its own.",
        run: doctor,
      },
      {
        ...usual,
        name: "latency|graph",
        arity: 3,
        summary: "Draws the samples of an event.",
        syntax: "event",
        run: graph,
      },
      helpCommand("latency", "2.8.13", HELP),
      {
        ...usual,
        name: "latency|histogram",
        arity: -2,
        since: "7.0.0",
        complexity: "O(N)",
        summary: "Returns how long the calls of commands took, as cumulative counts.",
        syntax: "command+?",
        run: histogram,
      },
      {
        ...usual,
        name: "latency|history",
        arity: 3,
        summary: "Returns the samples of an event.",
        syntax: "event",
        run: history,
      },
      { ...usual, name: "latency|latest", arity: 2, summary: "Returns the latest sample of every event.", run: latest },
      {
        ...usual,
        name: "latency|reset",
        arity: -2,
        summary: "Forgets the samples of some events, or of all.",
        syntax: "event+?",
        tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: reset,
      },
    ],
  },
]);
