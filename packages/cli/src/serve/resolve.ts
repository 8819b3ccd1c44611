/** Brings the four sources of settings together: flag before environment variable before configuration file before default. */
import { readFileSync } from "node:fs";
import { UsageError } from "../errors.js";
import { type FileValues, type PlacedValue, parseConfigFile } from "./config-file.js";
import { type ServeSettings, type Setting, type SettingKey, settings, variableName } from "./settings.js";

/** Flags as commander hands them over: text, or true for a switch that stands alone. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/** Environment variable that names the configuration file, as --config does. */
export const configVariable = "HEARTHKV_CONFIG";

/**
 * The settings to serve with.
 * @param flags by camelCase name; `config` names the file
 * @param environment usually process.env; empty variables count as absent
 * @throws UsageError with the place of the first bad value
 */
export function resolveSettings(
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
): ServeSettings {
  const file = readFile(flags.config ?? (environment[configVariable] || undefined));
  const resolved: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings) as [SettingKey, Setting<unknown>][]) {
    const placed = find(key, setting, flags, environment, file);
    resolved[key] = placed === undefined ? setting.fallback : readValue(setting, placed);
  }
  return resolved as unknown as ServeSettings;
}

function find(
  key: SettingKey,
  setting: Setting<unknown>,
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
  file: FileValues,
): PlacedValue | undefined {
  const flag = flags[key];
  if (flag !== undefined) return { text: flag === true ? "yes" : String(flag), place: `--${setting.name}` };
  const variable = variableName(setting);
  const text = environment[variable];
  return text ? { text, place: variable } : file.get(key);
}

function readValue(setting: Setting<unknown>, placed: PlacedValue): unknown {
  try {
    return setting.read(placed.text);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`${placed.place} ${error.message}`);
    throw error;
  }
}

function readFile(path: string | boolean | undefined): FileValues {
  if (typeof path !== "string") return new Map();
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`the configuration file cannot be read: ${(error as Error).message}`);
  }
  return parseConfigFile(content, path);
}
