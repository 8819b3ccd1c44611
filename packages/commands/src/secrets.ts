/** Which arguments hold passwords: they are in no log and shown to no MONITOR. */
import type { Request } from "@hearthkv/resp";
import { lowerAscii } from "./errors.js";
import type { CommandRow } from "./table/declare.js";

/** Settings whose value is a secret. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  "requirepass",
  "masterauth",
  "masteruser",
  "tls-key-file-pass",
  "tls-client-key-file-pass",
]);
const NONE: ReadonlySet<number> = new Set();
/** MIGRATE's options stand behind host, port, key, database and timeout. */
const MIGRATE_OPTIONS_AT = 6;

/** What stands in place of a secret. */
export const REDACTED = "(redacted)";

/** The indexes of a request's arguments that are secret. */
export function secretArguments(row: CommandRow, request: Request): ReadonlySet<number> {
  switch (row.name) {
    case "auth":
      return from(1, request);
    case "acl|setuser":
      return from(2, request);
    case "config|set":
      return settings(request);
    case "hello":
      return behindAuth(request, 2);
    case "migrate":
      return behindAuth(request, MIGRATE_OPTIONS_AT);
    default:
      return NONE;
  }
}

function from(first: number, request: Request): ReadonlySet<number> {
  const found = new Set<number>();
  for (let i = first; i < request.argc; i++) found.add(i);
  return found;
}

function settings(request: Request): ReadonlySet<number> {
  const found = new Set<number>();
  for (let i = 2; i + 1 < request.argc; i += 2) {
    if (SECRET_SETTINGS.has(lowerAscii(request.str(i)))) found.add(i + 1);
  }
  return found;
}

/** AUTH of HELLO and AUTH2 of MIGRATE have a user and a password, AUTH of MIGRATE a password. */
function behindAuth(request: Request, first: number): ReadonlySet<number> {
  const found = new Set<number>();
  for (let i = first; i < request.argc; i++) {
    const hasUser = request.is(i, first === MIGRATE_OPTIONS_AT ? "auth2" : "auth");
    if (!hasUser && !request.is(i, "auth")) continue;
    found.add(i + 1);
    if (hasUser) found.add(i + 2);
    i += hasUser ? 2 : 1;
  }
  return found;
}
