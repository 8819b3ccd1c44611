/** The lines that `hearthkv inspect` prints. */
import type { InspectRecord, Json, toJson } from "@hearthkv/server";
import { quote } from "./client/format-reply.js";

type Mutation = Extract<InspectRecord, { kind: "entry" }>["mutations"][number];
type Value = Mutation["details"][string];

/** For people. */
export function inspectText(record: InspectRecord): string {
  switch (record.kind) {
    case "segment": {
      const { file, segmentNumber, firstSequence, createdMs } = record;
      return `# ${file}: segment ${segmentNumber} from sequence ${firstSequence}, made ${timeText(createdMs)}`;
    }
    case "snapshot": {
      const { file, entries, walPos, createdMs } = record;
      return `# ${file}: ${entries} entries, log position ${walPos}, made ${timeText(createdMs)}`;
    }
    case "damage":
      return `# DAMAGE ${record.file}: ${record.message}`;
    case "entry": {
      const { sequence, timeMs, mutations } = record;
      return `${sequence} ${timeText(timeMs)} ${mutations.map(mutationText).join("; ")}`;
    }
    case "value": {
      const { db, entry, stamp } = record;
      const expiry = entry.expireAt === 0 ? "" : ` expireAt ${entry.expireAt}`;
      const more = entry.continues ? " (goes on)" : "";
      return `@${stamp} db ${db} ${entry.type}${more} ${quote(entry.key)}${expiry} ${valueText(entry.value)}`;
    }
  }
}

/** For programs: one object. */
export function inspectJson(record: InspectRecord, json: typeof toJson): string {
  return JSON.stringify(plain(record, json));
}

function plain(record: InspectRecord, json: typeof toJson): unknown {
  switch (record.kind) {
    case "segment":
    case "snapshot":
    case "damage":
      return record;
    case "entry": {
      const mutations = record.mutations.map(({ op, db, keys, details }) => {
        const rest: [string, Json][] = Object.entries(details).map(([name, value]) => [name, json(value)]);
        return { op, db, keys: keys.map(json), ...Object.fromEntries(rest) };
      });
      return { ...record, mutations };
    }
    case "value": {
      const { kind, file, db, stamp, entry } = record;
      const { key, type, expireAt, continues, value } = entry;
      return { kind, file, db, stamp, key: json(key), type, expireAt, continues, value: json(value) };
    }
  }
}

function mutationText({ op, db, keys, details }: Mutation): string {
  const where = db < 0 ? "all databases" : `db ${db}`;
  const rest = Object.entries(details).map(([name, value]) => `${name} ${valueText(value)}`);
  return [`${where} ${op}`, ...keys.map(quote), ...rest].join(" ");
}

function valueText(value: Value): string {
  if (Buffer.isBuffer(value)) return quote(value);
  if (typeof value === "object") return `[${(value as readonly Value[]).map(valueText).join(", ")}]`;
  return String(value);
}

function timeText(timeMs: number): string {
  const time = new Date(timeMs);
  return Number.isNaN(time.getTime()) ? String(timeMs) : time.toISOString();
}
