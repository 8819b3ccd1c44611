/** MEMORY: what takes how much. The figures are those of our own memory; names are Redis's, so that its tools read them. */
import { TYPE_NONE } from "@hearthkv/engine";
import { intArg, lookupAt } from "../arguments/arguments.js";
import type { CommandContext, MemoryFigures } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";
import { helpCommand } from "../table/help.js";
import { key } from "../table/keys.js";

const HELP = [
  "DOCTOR",
  "    What stands out in the memory's figures.",
  "MALLOC-STATS",
  "    How the memory of the data is divided.",
  "PURGE",
  "    Give back to the system what is not in use.",
  "STATS",
  "    The memory's figures.",
  "USAGE <key> [SAMPLES <count>]",
  "    The bytes that a key takes with its value. They are counted, so SAMPLES has no effect.",
];

const MB = 1024 * 1024;
/** DOCTOR: below this nothing can be said. */
const LITTLE_BYTES = 5 * MB;
/** DOCTOR: such parts stand out. */
const PEAK_RATIO = 1.5;
const SPARE_RATIO = 1.4;
const SPARE_BYTES = 64 * MB;
const CLIENT_BYTES = 256 * MB;

function usage(ctx: CommandContext): void {
  const { request: r, db, reply } = ctx;
  for (let i = 3; i < r.argc; i++) {
    if (!r.is(i, "samples") || i + 1 === r.argc) {
      reply.error(ERR.syntax);
      return;
    }
    const samples = intArg(ctx, ++i);
    if (Number.isNaN(samples)) return;
    if (samples >= 0) continue;
    reply.error(ERR.syntax);
    return;
  }
  if (lookupAt(ctx, 2) === TYPE_NONE) reply.nil();
  else reply.int(db.keys.foundBytes);
}

function doctor({ reply, host }: CommandContext): void {
  reply.verbatim("txt", `${findings(host.memory()).join("\n")}\n`);
}

/** What stands out, a line each with what to do. */
function findings(memory: MemoryFigures): string[] {
  const used = total(memory);
  if (used < LITTLE_BYTES) return ["There is too little data to say anything."];
  const found: string[] = [];
  if (memory.peak > used * PEAK_RATIO) {
    found.push(
      `The peak was ${megabytes(memory.peak)} MB, now ${megabytes(used)} MB are used: what was freed is given back by and by, MEMORY PURGE does it at once.`,
    );
  }
  if (memory.arenas > memory.dataset * SPARE_RATIO && memory.arenas - memory.dataset > SPARE_BYTES) {
    found.push(
      `The data of ${megabytes(memory.dataset)} MB holds ${megabytes(memory.arenas)} MB: much was deleted or has shrunk; half-empty chunks are gathered in the background.`,
    );
  }
  if (memory.clients > CLIENT_BYTES) {
    found.push(`Clients have ${megabytes(memory.clients)} MB waiting for them: CLIENT LIST tells whose (omem, qbuf).`);
  }
  return found.length > 0 ? found : ["Nothing stands out."];
}

function megabytes(bytes: number): number {
  return Math.round(bytes / MB);
}

function total({ startup, clients, dataset }: MemoryFigures): number {
  return startup + clients + dataset;
}

function mallocStats({ reply, keyspace }: CommandContext): void {
  const lines = keyspace.memories.map(
    (memory, i) => `memory ${i}: ${memory.heldBytes} bytes held, ${memory.takenBytes} taken`,
  );
  reply.verbatim("txt", `${lines.join("\n")}\n`);
}

function purge({ reply, keyspace }: CommandContext): void {
  for (const memory of keyspace.memories) {
    while (memory.giveDiscarded());
    while (memory.releaseSlab());
  }
  reply.ok();
}

function stats({ reply, keyspace, host }: CommandContext): void {
  const memory = host.memory();
  const used = total(memory);
  const overhead = memory.startup + memory.clients;
  const databases = keyspace.databases().filter((db) => db.keys.size > 0);
  const keys = databases.reduce((sum, db) => sum + db.keys.size, 0);
  const figures: [name: string, figure: number | "ratio", ratio?: number][] = [
    ["peak.allocated", memory.peak],
    ["total.allocated", used],
    ["startup.allocated", memory.startup],
    ["replication.backlog", 0],
    ["clients.slaves", 0],
    ["clients.normal", memory.clients],
    ["cluster.links", 0],
    ["aof.buffer", 0],
    ["lua.caches", 0],
    ["functions.caches", 0],
  ];
  const behind: typeof figures = [
    ["overhead.total", overhead],
    ["keys.count", keys],
    ["keys.bytes-per-key", keys === 0 ? 0 : Math.floor(memory.dataset / keys)],
    ["dataset.bytes", memory.dataset],
    ["dataset.percentage", "ratio", percentage(memory.dataset, used - memory.startup)],
    ["peak.percentage", "ratio", percentage(used, memory.peak)],
    ["allocator.allocated", memory.dataset],
    ["allocator.active", memory.arenas],
    ["allocator.resident", memory.arenas],
    ["allocator-fragmentation.ratio", "ratio", ratio(memory.arenas, memory.dataset)],
    ["allocator-fragmentation.bytes", memory.arenas - memory.dataset],
    ["allocator-rss.ratio", "ratio", 1],
    ["allocator-rss.bytes", 0],
    ["rss-overhead.ratio", "ratio", ratio(memory.rss, memory.arenas)],
    ["rss-overhead.bytes", memory.rss - memory.arenas],
    ["fragmentation", "ratio", ratio(memory.rss, used)],
    ["fragmentation.bytes", memory.rss - used],
  ];
  const write = ([name, figure, value = 0]: (typeof figures)[number]) => {
    reply.bulkString(name);
    if (figure === "ratio") reply.double(value);
    else reply.int(figure);
  };
  reply.map(figures.length + databases.length + behind.length);
  figures.forEach(write);
  for (const db of databases) {
    reply.bulkString(`db.${db.index}`);
    reply.map(3);
    write(["overhead.hashtable.main", db.keys.indexBytes]);
    write(["overhead.hashtable.expires", 0]);
    write(["overhead.hashtable.slot-to-keys", 0]);
  }
  behind.forEach(write);
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function percentage(part: number, whole: number): number {
  return 100 * ratio(part, whole);
}

export const memoryCommands = family("server", [
  {
    name: "memory",
    arity: -2,
    flags: [],
    since: "4.0.0",
    summary: "Tells what takes how much memory.",
    subcommands: [
      {
        name: "memory|doctor",
        arity: 2,
        flags: [],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Returns what stands out in the memory's figures.",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: doctor,
      },
      helpCommand("memory", "4.0.0", HELP),
      {
        name: "memory|malloc-stats",
        arity: 2,
        flags: [],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Returns how the memory of the data is divided.",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: mallocStats,
      },
      {
        name: "memory|purge",
        arity: 2,
        flags: [],
        since: "4.0.0",
        complexity: "O(N): slabs of 32 MB that are not in use",
        summary: "Gives back to the system what is not in use.",
        tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
        run: purge,
      },
      {
        name: "memory|stats",
        arity: 2,
        flags: [],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Returns the memory's figures.",
        tips: ["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        run: stats,
      },
      {
        name: "memory|usage",
        arity: -3,
        flags: ["readonly"],
        keys: [key(2, "RO")],
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Returns the bytes that a key takes with its value.",
        syntax: "@key SAMPLES=count:integer?",
        differs: "Our own bytes, which are counted: SAMPLES has no effect.",
        run: usage,
      },
    ],
  },
]);
