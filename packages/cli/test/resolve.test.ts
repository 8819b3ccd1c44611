import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configProblem, defaultOptions } from "@hearthkv/server";
import { afterAll, expect, test } from "vitest";
import { type Flags, resolveSettings } from "../src/serve/resolve.js";
import { type Setting, settings, variableName } from "../src/serve/settings.js";

const folder = mkdtempSync(join(tmpdir(), "hearthkv-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function resolve(flags: Flags, environment: Record<string, string>) {
  return resolveSettings(flags, environment, configProblem);
}

function configFile(content: string): string {
  const path = join(folder, "hearthkv.conf");
  writeFileSync(path, content);
  return path;
}

test("without any source every setting has the server's own default", () => {
  expect(resolve({}, {})).toEqual({ ...defaultOptions, logFormat: "auto" });
});

test("a flag goes before its variable, that before the file, that before the default", () => {
  const config = configFile("port 1\nmaxclients 11\nsnapshot-keep 21\n");
  const environment = { HEARTHKV_PORT: "2", HEARTHKV_MAXCLIENTS: "12" };
  const { port, maxclients, snapshotKeep, ack } = resolve({ config, port: "3" }, environment);
  expect({ port, maxclients, snapshotKeep, ack }).toEqual({
    port: 3,
    maxclients: 12,
    snapshotKeep: 21,
    ack: "written",
  });
});

test("the file may be named by HEARTHKV_CONFIG; an empty variable counts as absent", () => {
  const environment = { HEARTHKV_CONFIG: configFile('{"port": 5}'), HEARTHKV_MAXCLIENTS: "" };
  expect(resolve({}, environment)).toMatchObject({ port: 5, maxclients: defaultOptions.maxclients });
});

test("a switch stands alone or has a value, and can be switched off again", () => {
  const environment = { HEARTHKV_DISABLE_PERSISTENCE: "yes" };
  expect(resolve({ enableDebugCommand: true }, environment)).toMatchObject({
    enableDebugCommand: true,
    disablePersistence: true,
  });
  expect(resolve({ disablePersistence: "no" }, environment).disablePersistence).toBe(false);
});

test("a bad value is named with its place", () => {
  expect(() => resolve({ port: "x" }, {})).toThrow('--port must be a whole number from 0 to 65535, not "x"');
  expect(() => resolve({}, { HEARTHKV_ACK: "x" })).toThrow("HEARTHKV_ACK must be one of memory, written, synced");
  const config = configFile("\nwal-max-bytes 1\n");
  expect(() => resolve({ config }, {})).toThrow(`${config}:2: wal-max-bytes must be a number of bytes`);
  expect(() => resolve({ config: join(folder, "none") }, {})).toThrow("cannot be read: ENOENT");
});

test("every setting can be read from its flag, its variable and a file", () => {
  const samples = {
    ack: "synced",
    recovery: "strict",
    logFormat: "json",
    logLevel: "debug",
    host: "::1",
    dataDir: "/d",
    requirepass: "p",
    snapshotKeep: "5",
  };
  for (const [key, setting] of Object.entries(settings) as [keyof typeof settings, Setting<unknown>][]) {
    const text = (samples as Record<string, string>)[key] ?? (typeof setting.fallback === "boolean" ? "yes" : "5000");
    const expected = setting.read(text);
    expect(resolve({ [key]: text }, {})[key], key).toEqual(expected);
    expect(resolve({}, { [variableName(setting)]: text })[key], key).toEqual(expected);
    expect(resolve({ config: configFile(`${setting.name} ${text}`) }, {})[key], key).toEqual(expected);
  }
});

test("a variable with a slip in its name is told; Kubernetes' own are passed over", () => {
  expect(() => resolve({}, { HEARTHKV_REQUIRPASS: "x", HEARTHKV_PROT: "1", HEARTHKV_EMPTY: "" })).toThrow(
    "HEARTHKV_REQUIRPASS: no such setting\nHEARTHKV_PROT: no such setting",
  );
  const kubernetes = {
    HEARTHKV_PORT: "tcp://10.0.0.1:6379",
    HEARTHKV_SERVICE_HOST: "10.0.0.1",
    HEARTHKV_SERVICE_PORT: "6379",
    HEARTHKV_SERVICE_PORT_REDIS: "6379",
    HEARTHKV_PORT_6379_TCP_ADDR: "10.0.0.1",
  };
  expect(resolve({}, kubernetes).port).toBe(6379);
});

test("all that is wrong is told at once", () => {
  const config = configFile("port x\nack later\ntimeout y\n");
  expect(() => resolve({ config, maxclients: "0" }, {})).toThrow(
    new RegExp(`^${config}:3: timeout: .*\n${config}:1: port must .*\n${config}:2: ack must .*\n--maxclients must `),
  );
});

test("the file's save is in force unless the time between snapshots is given otherwise", () => {
  const config = configFile("save 900 1\nsave 60 100\ntimeout 3\n");
  expect(resolve({ config }, {}).config).toEqual([
    ["save", "900", "1"],
    ["save", "60", "100"],
    ["timeout", "3"],
  ]);
  expect(resolve({ config, snapshotIntervalS: "5" }, {}).config).toEqual([["timeout", "3"]]);
});
