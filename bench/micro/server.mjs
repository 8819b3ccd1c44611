/** The dispatcher with everything behind it but a log: what a request costs besides its command. */
import { Request } from "@hearthkv/resp";
import { ClientState } from "../../packages/server/dist/clients/client-state.js";
import { Clock } from "../../packages/server/dist/clock.js";
import { Settings } from "../../packages/server/dist/config/settings.js";
import { Core } from "../../packages/server/dist/core.js";
import { ServerStats } from "../../packages/server/dist/info/stats.js";
import { resolveOptions } from "../../packages/server/dist/options.js";
import { NullPersistence } from "../../packages/server/dist/persistence/index.js";
import { keyName, newKeyspace, scattered, sized } from "./requests.mjs";

const BATCH = 4096;
const KEYS = sized(100_000);
const VALUE = "v".repeat(64);

/** A client without a socket: nothing ever waits for it. */
class Program extends ClientState {
  authenticated = true;
  inputBytes = 0;
  outputBytes = 0;
  deliver() {}
  wake() {}
  kill() {}
  closeSoon() {}
  stand() {}
  goOn() {}
  check() {}
}

/** Runs the requests in turns of `perTurn`, as if so many had come in one read. */
function dispatching(perTurn, make) {
  const keyspace = newKeyspace();
  const logger = { info() {}, warn() {}, error() {} };
  const options = resolveOptions({ disablePersistence: true });
  const persistence = new NullPersistence(keyspace);
  const shared = { settings: new Settings(), stats: new ServerStats(0), logger, clock: new Clock() };
  const parts = { options, keyspace, persistence, ...shared };
  const { dispatcher } = new Core(parts, () => ({}));
  const client = new Program(1, "bench", "bench", Date.now(), keyspace.db(0));
  const requests = scattered(BATCH, KEYS, (i) => Request.of(...make(i)));
  const run = () => {
    for (let at = 0; at < BATCH; at += perTurn) {
      dispatcher.begin(client);
      for (let i = 0; i < perTurn; i++) dispatcher.execute(client, requests[at + i]);
      dispatcher.end();
    }
  };
  return { operations: BATCH, run };
}

/** By title; each makes what run.mjs measures: `run`, and how many `operations` that is. */
export const parts = {
  "dispatch: PING, one a turn": () => dispatching(1, () => ["PING"]),
  "dispatch: PING, 16 a turn": () => dispatching(16, () => ["PING"]),
  "dispatch: SET 64 B, 16 a turn": () => dispatching(16, (i) => ["SET", keyName(i), VALUE]),
  "dispatch: GET, 16 a turn": () => dispatching(16, (i) => ["GET", keyName(i)]),
};
