/**
 * Reads a configuration file into text values. Two forms, told apart by the first character:
 *
 *     { "port": 7000, "dataDir": "/var/lib/hearthkv", "ack": "synced" }     JSON: names in camelCase or as the flags
 *
 *     # Redis style: one setting a line, a name and a value; quotes where the value has spaces
 *     port 7000
 *     dir "/var/lib/hearthkv"
 *     appendfsync always
 *
 * Valid: every name is a setting (or its name in redis.conf), stands once, and has exactly one value.
 */
import { UsageError } from "../errors.js";
import { type Setting, type SettingKey, settings } from "./settings.js";

/** A value as text and where it stands, for the error that its reader may throw. */
export interface PlacedValue {
  readonly text: string;
  /** Such as `/etc/hearthkv.conf:3: port`. */
  readonly place: string;
}

/** Values by setting; settings that the file does not name are absent. */
export type FileValues = ReadonlyMap<SettingKey, PlacedValue>;

const keysByName = new Map<string, SettingKey>();
for (const [key, setting] of Object.entries(settings) as [SettingKey, Setting<unknown>][]) {
  for (const name of [key, setting.name, ...(setting.fileNames ?? [])]) keysByName.set(name, key);
}

/**
 * Parses the content of a configuration file.
 * @param path only for error messages
 * @throws UsageError with path, line (Redis style) and name
 */
export function parseConfigFile(content: string, path: string): FileValues {
  return content.trimStart().startsWith("{") ? parseJson(content, path) : parseLines(content, path);
}

function parseJson(content: string, path: string): FileValues {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch (error) {
    throw new UsageError(`${path}: not valid JSON: ${(error as Error).message}`);
  }
  const values = new Map<SettingKey, PlacedValue>();
  for (const [name, value] of Object.entries(parsed as object)) {
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
      throw new UsageError(`${path}: ${name} must be a string, a number, true or false`);
    }
    place(values, name, String(value), `${path}: ${name}`);
  }
  return values;
}

function parseLines(content: string, path: string): FileValues {
  const values = new Map<SettingKey, PlacedValue>();
  for (const [index, line] of content.split("\n").entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(trimmed) ?? [];
    const where = `${path}:${index + 1}: ${name}`;
    const words = rest.match(/"[^"\\]*"|'[^'\\]*'|[^\s"']+/g) ?? [];
    const key = keysByName.get(name.toLowerCase());
    const several = key !== undefined && (settings[key] as Setting<unknown>).severalWords === true;
    if (words.length === 0 || (words.length > 1 && !several)) throw new UsageError(`${where} needs exactly one value`);
    place(values, name.toLowerCase(), words.map((word) => word.replace(/^["']|["']$/g, "")).join(" "), where);
  }
  return values;
}

function place(values: Map<SettingKey, PlacedValue>, name: string, text: string, where: string): void {
  const key = keysByName.get(name);
  if (key === undefined) throw new UsageError(`${where}: no such setting`);
  if (values.has(key)) throw new UsageError(`${where}: set twice`);
  values.set(key, { text, place: where });
}
