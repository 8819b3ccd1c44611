/** One command of a sequence: what is sent to either server, and when their replies count as the same. */
import type { Reply } from "./reply.js";
import { exact, type Rule } from "./rules.js";

export interface Step {
  readonly args: readonly string[];
  /** What Redis is sent instead, for a command that it does not have. */
  readonly redisArgs: readonly string[];
  readonly rule: Rule;
  /** The rule also judges errors; otherwise an error must be the same on both sides. */
  readonly judgesErrors: boolean;
}

/** The same command for both. */
export function step(args: readonly string[], rule: Rule = exact): Step {
  return { args, redisArgs: args, rule, judgesErrors: false };
}

/** Another command for Redis, whose reply `asOurs` turns into what ours should look like. */
export function translated(
  args: readonly string[],
  redisArgs: readonly string[],
  asOurs: (redis: Reply) => Reply,
  rule: Rule = exact,
): Step {
  return { args, redisArgs, rule: (h, r) => rule(h, asOurs(r)), judgesErrors: true };
}

/** Whether the replies to a step count as the same. */
export function agree({ rule, judgesErrors }: Step, hearth: Reply, redis: Reply): boolean {
  if (!judgesErrors && (hearth.kind === "-" || redis.kind === "-")) return exact(hearth, redis);
  return rule(hearth, redis);
}
