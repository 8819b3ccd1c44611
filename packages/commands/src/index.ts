/** The commands: what each one does with the data, told apart from where requests come from and replies go. */

export { Glob } from "./arguments/glob.js";
export type {
  BlockingCall,
  ClientFilter,
  ClientsHost,
  CommandContext,
  CommandLogEntry,
  CommandLogHost,
  CommandLogKind,
  ConfigHost,
  LatencyEvent,
  LatencyHost,
  LatencySample,
  MemoryFigures,
  MigrationOrder,
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
export {
  EVENT_EXPIRED,
  EVENT_KEY_MISS,
  EVENT_KEYEVENT,
  EVENT_KEYSPACE,
  EVENT_NEW,
  formatEventClasses,
  type KeyEvents,
  NO_EVENTS,
  parseEventClasses,
} from "./events.js";
export { makeCommandTable } from "./families.js";
export { REDACTED, secretArguments } from "./secrets.js";
export {
  arityError,
  arityHolds,
  type CommandCounters,
  CommandTable,
  flagBit,
  type TableRow,
} from "./table/command-table.js";
export type { CommandFlag, CommandGroup, CommandRow } from "./table/declare.js";
export { type KeyUse, keysOf } from "./table/keys.js";
export { LatencyHistogram } from "./table/latency-histogram.js";
export { commandsPage } from "./table/page.js";
export { type CommandArgument, parseArguments } from "./table/syntax.js";
export { REDIS_VERSION } from "./version.js";
