/** WAIT: for replicas, of which there are none yet. Who asks for one waits until the time is up. */
import { INT64_MAX, parseInt64 } from "@hearthkv/resp";
import { intArg } from "../arguments/arguments.js";
import type { CommandContext } from "../context.js";
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";

function wait(ctx: CommandContext): void {
  const { request: r, reply, host } = ctx;
  const replicas = intArg(ctx, 1);
  if (Number.isNaN(replicas)) return;
  const timeout = parseInt64(r.buf, r.off[2], r.len[2]);
  if (timeout === null) reply.error(ERR.timeoutNotInteger);
  else if (timeout < 0n) reply.error(ERR.timeoutNegative);
  else if (timeout + BigInt(ctx.keyspace.nowMs) > INT64_MAX) reply.error(ERR.timeoutOutOfRange);
  else host.persistence.waitReplicas(ctx, replicas, Number(timeout));
}

export const waitCommands = family("generic", [
  {
    name: "wait",
    arity: 3,
    flags: ["noscript"],
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Waits until replicas have the connection's writes.",
    syntax: "numreplicas:integer timeout:integer",
    tips: ["request_policy:all_shards", "response_policy:agg_min"],
    categories: ["connection"],
    differs: "There are no replicas yet: the answer is 0, at once or when the time is up.",
    run: wait,
  },
]);
