/** READONLY, READWRITE, ASKING and CLUSTER as a server answers that is no node of a cluster: cluster clients then know that they may take it for a single one. */
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { type CommandDeclaration, family } from "../table/declare.js";

function refuse({ reply }: CommandContext): void {
  reply.error(ERR.clusterDisabled);
}

/** A subcommand that only reads, which is refused. */
function reading(name: string, arity: number, since: string, summary: string, syntax?: string): CommandDeclaration {
  const words = syntax === undefined ? {} : { syntax };
  return {
    name: `cluster|${name}`,
    arity,
    flags: name === "help" ? ["loading", "stale"] : ["stale"],
    since,
    complexity: "O(1)",
    summary,
    ...words,
    differs: "There is no cluster mode.",
    run: refuse,
  };
}

export const clusterCommands = family("cluster", [
  {
    name: "asking",
    arity: 1,
    flags: ["fast"],
    categories: ["connection"],
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Tells a node that the next command follows a redirection.",
    differs: "There is no cluster mode.",
    run: refuse,
  },
  {
    name: "readonly",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    categories: ["connection"],
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Lets a connection read from a replica of a cluster.",
    differs: "There is no cluster mode.",
    run: refuse,
  },
  {
    name: "readwrite",
    arity: 1,
    flags: ["loading", "stale", "fast"],
    categories: ["connection"],
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Ends what READONLY began.",
    differs: "There is no cluster mode.",
    run: refuse,
  },
  {
    name: "cluster",
    arity: -2,
    flags: [],
    since: "3.0.0",
    summary: "Would tell of a cluster what its nodes know.",
    subcommands: [
      reading("countkeysinslot", 3, "3.0.0", "Would count the keys of a hash slot.", "slot:integer"),
      reading("getkeysinslot", 4, "3.0.0", "Would return keys of a hash slot.", "slot:integer count:integer"),
      reading("help", 2, "5.0.0", "Would tell what subcommands there are."),
      reading("info", 2, "3.0.0", "Would tell the state of a node."),
      reading("keyslot", 3, "3.0.0", "Would tell the hash slot of a key.", "key"),
      reading("links", 2, "7.0.0", "Would tell the links between a node and others."),
      reading("myid", 2, "3.0.0", "Would tell the name of a node."),
      reading("myshardid", 2, "7.2.0", "Would tell the name of a node's shard."),
      reading("nodes", 2, "3.0.0", "Would tell the nodes of a cluster as one of them sees it."),
      reading("shards", 2, "7.0.0", "Would tell which slots belong to which shards."),
      reading("slots", 2, "3.0.0", "Would tell which slots belong to which nodes."),
    ],
  },
]);
