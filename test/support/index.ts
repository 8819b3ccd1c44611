/** What the tests of the whole system share. */
export { launcher, projectRoot, temporaryFolder } from "./folders.js";
export { type Block, blocksOf, outputPattern, stepsOf } from "./page.js";
export { debianPython, hasPeer, newerServers, type PeerName, requirePeer, skipOrFail, skipUnmounted } from "./peers.js";
export { Child, type ChildOptions, type Exit, runProcess, startProcess, waitUntil } from "./processes.js";
export { type Arg, encodeRequest, type Reply, RespClient } from "./resp-client.js";
export {
  freePort,
  type HearthOptions,
  residentBytes,
  type ServerProcess,
  startHearth,
  startRedis,
  waitForPort,
} from "./servers.js";
