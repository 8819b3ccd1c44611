/** Options: defaults, limits, and the one line that a bad value gets. */
import { describe, expect, it } from "vitest";
import { parseHosts } from "../src/connection/server.js";
import { defaultOptions, OptionsError, resolveOptions, type ServerOptions } from "../src/options.js";

describe("options", () => {
  it("have defaults, also for undefined", () => {
    expect(resolveOptions({})).toEqual(defaultOptions);
    expect(resolveOptions({ port: undefined, ack: undefined })).toEqual(defaultOptions);
    expect(resolveOptions({ port: 0, ack: "synced" })).toEqual({ ...defaultOptions, port: 0, ack: "synced" });
  });

  it.each([
    [{ port: 65_536 }, "port: must be a whole number from 0 to 65535, not 65536"],
    [{ port: 1.5 }, "port: must be a whole number from 0 to 65535, not 1.5"],
    [{ port: "6379" }, 'port: must be a whole number from 0 to 65535, not "6379"'],
    [{ ack: "always" }, 'ack: must be one of memory, written, synced, not "always"'],
    [{ requirepass: 1234 }, /requirepass: must be a text$/],
    [{ config: [["masterauth", 1234]] }, /config: must be lists of a name and its words$/],
    [{ host: "" }, 'host: must be a text, not ""'],
    [{ snapshotKeep: 0 }, "snapshotKeep: must be a whole number from 1 to 1000, not 0"],
    [{ disablePersistence: "yes" }, 'disablePersistence: must be true or false, not "yes"'],
    [{ prot: 1 }, "prot: no such option"],
    [{ constructor: 1 }, "constructor: no such option"],
  ])("%j is refused", (options, message) => {
    expect(() => resolveOptions(options as ServerOptions)).toThrow(OptionsError);
    expect(() => resolveOptions(options as ServerOptions)).toThrow(message);
  });

  it("take several addresses", () => {
    expect(parseHosts("127.0.0.1 -::1")).toEqual([
      { host: "127.0.0.1", optional: false },
      { host: "::1", optional: true },
    ]);
    expect(parseHosts("* -::*")).toEqual([
      { host: "0.0.0.0", optional: false },
      { host: "::", optional: true },
    ]);
  });
});
