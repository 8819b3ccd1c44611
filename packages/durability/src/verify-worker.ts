import { realDisk } from "./disk.js";
import { ioError } from "./errors.js";
import { verifySnapshot } from "./snapshot-reader.js";
import { errorAnswer, type VerifyAnswer, type VerifyTask } from "./verify-task.js";
import { readSegment } from "./wal-reader.js";

/** Entry point of a checking thread (piscina calls it): one file, one answer. */
export default function verify(task: VerifyTask): VerifyAnswer {
  const dir = realDisk(task.path);
  try {
    if (task.kind === "snapshot") return { snapshot: verifySnapshot(dir, task.name) };
    return { segment: readSegment(dir, task.name, null) };
  } catch (error) {
    return errorAnswer(ioError("read failed", task.name, error));
  }
}
