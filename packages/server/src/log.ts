/** Log lines: JSON for machines, or sentences for people. */
import { writeSync } from "node:fs";
import { type Logger, pino } from "pino";
import type { LogLevel } from "./options.js";

export type LogFormat = "text" | "json";

const WARN = 40;
const ERROR = 50;
const WORDS: Readonly<Record<number, string>> = { 10: "trace ", 20: "debug ", 40: "WARN ", 50: "ERROR ", 60: "FATAL " };
/** What pino adds to each line, and what a line for people begins with. */
const KNOWN: ReadonlySet<string> = new Set(["level", "time", "pid", "hostname", "msg", "err"]);

interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly message: string; readonly code?: unknown; readonly stack?: string };
  readonly [field: string]: unknown;
}

/** A logger that writes to a descriptor: 1 or 2. */
export function createLogger(level: LogLevel, format: LogFormat, descriptor: 1 | 2): Logger {
  const shown = format === "json" ? (line: string) => line : (line: string) => textLine(JSON.parse(line));
  return pino({ level }, { write: (line: string) => printLog(descriptor, shown(line)) });
}

/** "12:00:00.123 WARN the disk is slow: ...": figures only where something is wrong, the stack only of what should not have happened. */
export function textLine(line: LogLine): string {
  const { level, time, msg = "", err } = line;
  const at = new Date(time);
  const clock = new Date(time - at.getTimezoneOffset() * 60_000).toISOString().slice(11, 23);
  let text = `${clock} ${WORDS[level] ?? ""}${msg}`;
  if (level >= WARN) {
    const fields = Object.entries(line).filter(([name, value]) => !KNOWN.has(name) && !msg.includes(String(value)));
    const shown = fields.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`);
    if (shown.length > 0) text += ` (${shown.join(", ")})`;
  }
  if (err !== undefined && !msg.includes(err.message)) text += `: ${err.message}`;
  if (level >= ERROR && err?.stack !== undefined && err.code === undefined) text += `\n${err.stack}`;
  return `${text}\n`;
}

/** Writes text to a descriptor. A log that cannot be written (its disk is full, its reader gone or behind) is no reason to stop. */
export function printLog(descriptor: number, text: string): void {
  try {
    writeSync(descriptor, text);
  } catch {
    // There is nobody to tell.
  }
}
