/** All commands of the server. */
import { commandRows } from "./command.js";
import { CommandTable } from "./command-table.js";
import { connectionRows } from "./connection.js";
import { hashRows } from "./hashes.js";
import { keyRows } from "./keys.js";
import { listRows } from "./lists.js";
import { lockRows } from "./locks.js";
import { pubsubRows } from "./pubsub.js";
import { serverRows } from "./server.js";
import { setRows } from "./sets.js";
import { stringRows } from "./strings.js";
import { transactionRows } from "./transactions.js";
import { zsetRows } from "./zsets.js";

/** The one table. Its rows never change; their counters do. */
export const commandTable: CommandTable = new CommandTable([
  ...connectionRows,
  ...serverRows,
  ...commandRows(() => commandTable),
  ...keyRows,
  ...stringRows,
  ...hashRows,
  ...listRows,
  ...setRows,
  ...zsetRows,
  ...lockRows,
  ...transactionRows,
  ...pubsubRows,
]);
