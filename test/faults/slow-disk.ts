/** A disk that takes long for the log, by strace. */
import { join } from "node:path";
import { type ServerProcess, startHearth, temporaryFolder } from "../support/index.js";
import { faultArguments } from "./disk-fault.js";

/** A server some of whose calls on the log are held up before they begin; by default fdatasync alone. */
export function startSlow(
  heldMs: number,
  flags: readonly string[],
  { dataDir = temporaryFolder("slow"), calls = "fdatasync" } = {},
): Promise<ServerProcess> {
  const effect = `delay_enter=${heldMs * 1000}`;
  const fault = faultArguments({ calls, effect, files: [join(dataDir, "wal-current.log")] });
  return startHearth({ dataDir, flags, wrapper: ["strace", "--seccomp-bpf", ...fault] });
}
