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

/** A table of its own for each server: the rows are the same, the counters are not. */
export function makeCommandTable(): CommandTable {
  const table: CommandTable = new CommandTable([
    ...connectionRows,
    ...serverRows,
    ...commandRows(() => table),
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
  return table;
}
