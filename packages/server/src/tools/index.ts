/** Work on a data directory without a server: each tool is one function, and a verb of the command line. */
export { type BackupResult, backupDirectory } from "./backup.js";
export {
  type CheckOptions,
  type CheckReport,
  checkDirectory,
  type Problem,
  type RecoveredSummary,
} from "./check.js";
export { DataError, ToolError } from "./data-folder.js";
export { EXPORT_FORMATS, type ExportFormat, type ExportResult, exportDirectory } from "./export.js";
export { type ImportResult, importCommands, importDump } from "./import.js";
export { type InspectOptions, type InspectRecord, inspect } from "./inspect.js";
export { type Json, toJson } from "./json-values.js";
export { planRepair, type RepairPlan, repairDirectory } from "./repair.js";
export { type RestorePoint, type RestoreResult, restoreDirectory } from "./restore.js";
