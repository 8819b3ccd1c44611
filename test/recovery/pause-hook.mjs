/** Loaded into a server process before its start: SIGUSR2 stops and resumes everything that writes or syncs the log. */
import { LogPersistence } from "../../packages/server/dist/persistence/log-persistence.js";

const { endTick } = LogPersistence.prototype;
let persistence = null;
let paused = false;

// The first turn of the event loop with something to do shows where it is.
LogPersistence.prototype.endTick = function endTickOfPausable() {
  if (persistence === null) {
    persistence = this;
    this.pauseForTest(paused);
  }
  endTick.call(this);
};

process.on("SIGUSR2", () => {
  paused = !paused;
  persistence?.pauseForTest(paused);
  process.stderr.write(`log ${paused ? "paused" : "resumed"}\n`);
});
