/** The command line of HearthKV. `bin/hearthkv.js` is its only user. */
export { main, version } from "./program.js";
