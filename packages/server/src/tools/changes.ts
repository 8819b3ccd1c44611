/** What recovery would do to a directory, in words. */
import type { RehearsedChange } from "@hearthkv/durability";

/** Lines that go on from "would": "cut wal-current.log at 100 (…)". Copies that a cut makes are told with the cut. */
export function describeChanges(changes: readonly RehearsedChange[]): string[] {
  const lines: string[] = [];
  let copy = "";
  for (const change of changes) {
    switch (change.kind) {
      case "remove":
        lines.push(`remove the leftover ${change.name}`);
        break;
      case "rename":
        lines.push(`set ${change.from} aside as ${change.to}`);
        break;
      case "create":
        copy = change.name;
        break;
      case "cut":
        lines.push(`cut ${change.name} at ${change.length} (${change.bytesCut} bytes, a copy goes to ${copy})`);
        break;
    }
  }
  return lines;
}
