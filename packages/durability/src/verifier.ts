import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Piscina } from "piscina";
import type { Directory } from "./disk.js";
import { ioError, StorageError } from "./errors.js";
import { type VerifiedSnapshot, verifySnapshot } from "./snapshot-reader.js";
import type { VerifyAnswer, VerifyTask } from "./verify-task.js";
import { readSegment, type SegmentScan } from "./wal-reader.js";

/** Checks files, in this thread or in several. Damage of a segment is a result, that of a snapshot is thrown. */
export interface Verifier {
  /** @param signal ends a check in another thread: it then rejects */
  snapshot(name: string, signal?: AbortSignal): Promise<VerifiedSnapshot>;
  segment(name: string): Promise<SegmentScan>;
  close(): Promise<void>;
}

/** Checks in this thread, one file after the other. */
export function inlineVerifier(dir: Directory): Verifier {
  return {
    async snapshot(name) {
      return verifySnapshot(dir, name);
    },
    async segment(name) {
      try {
        return readSegment(dir, name, null);
      } catch (error) {
        throw ioError("read failed", name, error);
      }
    },
    async close() {},
  };
}

interface Pool {
  readonly pool: Piscina;
  /** Rejects when a thread could not run. */
  readonly broken: Promise<never>;
}

/** Checks in up to `files` threads. Only for a directory that has a path. */
export function parallelVerifier(path: string, files: number): Verifier {
  // From src (tests) as from dist the compiled file is meant: a thread cannot load TypeScript.
  const filename = fileURLToPath(new URL("../dist/verify-worker.js", import.meta.url));
  const maxThreads = Math.max(1, Math.min(files, availableParallelism()));
  let starting: Promise<Pool> | null = null;
  // Loaded at its first use: most servers have none, and their two threads would each keep a megabyte of code.
  const start = async (): Promise<Pool> => {
    const { Piscina } = await import("piscina");
    const pool = new Piscina({ filename, minThreads: 0, maxThreads, idleTimeout: 1000, execArgv: [] });
    // A thread that ends before it took a task leaves that waiting for ever.
    const broken = new Promise<never>((_, reject) => pool.on("error", reject));
    broken.catch(() => {});
    return { pool, broken };
  };
  const ask = async (task: VerifyTask, signal?: AbortSignal): Promise<Exclude<VerifyAnswer, { error: unknown }>> => {
    starting ??= start();
    const { pool, broken } = await starting;
    const answer: VerifyAnswer = await Promise.race([pool.run(task, { signal: signal ?? null }), broken]);
    if ("error" in answer) throw new StorageError(answer.error.code, answer.error.what, answer.error.details);
    return answer;
  };
  return {
    async snapshot(name, signal) {
      const answer = await ask({ kind: "snapshot", path, name }, signal);
      if ("snapshot" in answer) return answer.snapshot;
      throw new Error("a segment was not asked for");
    },
    async segment(name) {
      const answer = await ask({ kind: "segment", path, name });
      if ("segment" in answer) return answer.segment;
      throw new Error("a snapshot was not asked for");
    },
    async close() {
      // That it could not start was told to who asked.
      const started = await starting?.catch(() => null);
      await started?.pool.destroy();
    },
  };
}
