/** HearthKV as a library: a server in this process. */
export { configProblem } from "./config/config.js";
export { createLogger, type LogFormat, printLog } from "./log.js";
export {
  type Ack,
  defaultOptions,
  type LogLevel,
  OptionsError,
  type Recovery,
  type ResolvedOptions,
  resolveOptions,
  type ServerOptions,
  type ShutdownRequest,
} from "./options.js";
export { type RunningServer, startServer } from "./start-server.js";
export * from "./tools/index.js";
