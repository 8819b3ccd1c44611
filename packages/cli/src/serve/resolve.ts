/** Brings the four sources of settings together: flag before environment variable before configuration file before default. */
import { UsageError } from "../errors.js";
import { type ConfigProblem, type FileContent, type PlacedValue, readConfigFile } from "./config-file.js";
import { type ServeSettings, type Setting, type SettingKey, settings, variableName } from "./settings.js";

/** Flags as commander hands them over: text, or true for a switch that stands alone. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** Environment variable that names the configuration file, as --config does. */
export const configVariable = "HEARTHKV_CONFIG";

/** What Kubernetes puts into the environment of every container beside a service that is called hearthkv. */
const KUBERNETES = /^HEARTHKV_(SERVICE_(HOST|PORT)(_|$)|PORT_\d+_)/;
const KUBERNETES_PORT = /^(tcp|udp):\/\//;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The settings to serve with, and the lines of the file that are the server's (`config`).
 * @param flags by camelCase name; `config` names the file
 * @param environment usually process.env; empty variables count as absent
 * @throws UsageError with the place of each bad value, a line each
 */
export function resolveSettings(
  flags: Flags,
  environment: Environment,
  configProblem: ConfigProblem,
): ServeSettings & { readonly config: readonly (readonly string[])[] } {
  const path = flags.config ?? (environment[configVariable] || undefined);
  const file: FileContent =
    typeof path === "string" ? readConfigFile(path, configProblem) : { values: new Map(), config: [], problems: [] };
  const problems = [...unknownVariables(environment), ...file.problems];
  const resolved: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings) as [SettingKey, Setting<unknown>][]) {
    const placed = find(key, setting, flags, environment, file);
    try {
      resolved[key] = placed === undefined ? setting.fallback : setting.read(placed.text);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(`${placed?.place} ${error.message}`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  // The time between snapshots is given by a flag or a variable: that goes before the file's `save`.
  const timeIsGiven = find("snapshotIntervalS", settings.snapshotIntervalS, flags, environment, file) !== undefined;
  const config = timeIsGiven ? file.config.filter(([name]) => name !== "save") : file.config;
  return { ...(resolved as unknown as ServeSettings), config };
}

function find(
  key: SettingKey,
  setting: Setting<unknown>,
  flags: Flags,
  environment: Environment,
  file: FileContent,
): PlacedValue | undefined {
  const flag = flags[key];
  if (flag !== undefined) return { text: flag === true ? "yes" : String(flag), place: `--${setting.name}` };
  const variable = variableName(setting);
  const text = environment[variable];
  if (key === "port" && KUBERNETES_PORT.test(text ?? "")) return file.values.get(key);
  return text ? { text, place: variable } : file.values.get(key);
}

/** A variable with a slip in its name would leave the default in force without a word. */
function unknownVariables(environment: Environment): string[] {
  const known = new Set<string>([
    configVariable,
    ...Object.values(settings).map((row) => variableName(row as Setting<unknown>)),
  ]);
  return Object.keys(environment)
    .filter((name) => name.startsWith("HEARTHKV_") && environment[name] && !known.has(name) && !KUBERNETES.test(name))
    .map((name) => `${name}: no such setting`);
}
