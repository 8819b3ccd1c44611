/** The commands: what each one does with the data, told apart from where requests come from and replies go. */
export {
  arityError,
  arityHolds,
  type CommandCounters,
  CommandTable,
  flagBit,
  type TableRow,
} from "./command-table.js";
export type {
  ClientFilter,
  ClientsHost,
  CommandContext,
  CommandFlag,
  CommandGroup,
  CommandRow,
  ConfigHost,
  PersistenceHost,
  PubSubHost,
  ServerHost,
  Session,
  TransactionsHost,
} from "./context.js";
export {
  ERR,
  invalidExpire,
  lowerAscii,
  outsideRange,
  subscriberContext,
  unknownCommand,
  unknownSubcommand,
  upperAscii,
  wrongArity,
} from "./errors.js";
export { Glob } from "./glob.js";
export { makeCommandTable } from "./table.js";
export { REDIS_VERSION } from "./version.js";
