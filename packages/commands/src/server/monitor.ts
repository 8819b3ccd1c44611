/** MONITOR. */
import { ERR } from "../errors.js";
import { family } from "../table/declare.js";

export const monitorCommands = family("server", [
  {
    name: "monitor",
    arity: 1,
    flags: ["admin", "noscript", "loading", "stale"],
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Shows every command that the server runs, as it runs.",
    differs: "The time is exact to a millisecond. Of an argument 64 KB are shown, of a command 1 MB.",
    run: (ctx) => {
      if (ctx.denyBlocking) ctx.reply.error(ERR.monitorDenied);
      else ctx.host.monitor(ctx);
    },
  },
]);
