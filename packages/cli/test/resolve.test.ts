import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultOptions } from "@hearthkv/server";
import { afterAll, expect, test } from "vitest";
import { resolveSettings } from "../src/serve/resolve.js";
import { type Setting, settings, variableName } from "../src/serve/settings.js";

const folder = mkdtempSync(join(tmpdir(), "hearthkv-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function configFile(content: string): string {
  const path = join(folder, "hearthkv.conf");
  writeFileSync(path, content);
  return path;
}

test("without any source every setting has the server's own default", () => {
  expect(resolveSettings({}, {})).toEqual(defaultOptions);
});

test("a flag goes before its variable, that before the file, that before the default", () => {
  const config = configFile("port 1\nmaxclients 11\nsnapshot-keep 21\n");
  const environment = { HEARTHKV_PORT: "2", HEARTHKV_MAXCLIENTS: "12" };
  const { port, maxclients, snapshotKeep, ack } = resolveSettings({ config, port: "3" }, environment);
  expect({ port, maxclients, snapshotKeep, ack }).toEqual({
    port: 3,
    maxclients: 12,
    snapshotKeep: 21,
    ack: "written",
  });
});

test("the file may be named by HEARTHKV_CONFIG; an empty variable counts as absent", () => {
  const environment = { HEARTHKV_CONFIG: configFile('{"port": 5}'), HEARTHKV_MAXCLIENTS: "" };
  expect(resolveSettings({}, environment)).toMatchObject({ port: 5, maxclients: defaultOptions.maxclients });
});

test("a switch stands alone or has a value, and can be switched off again", () => {
  const environment = { HEARTHKV_DISABLE_PERSISTENCE: "yes" };
  expect(resolveSettings({ enableDebugCommand: true }, environment)).toMatchObject({
    enableDebugCommand: true,
    disablePersistence: true,
  });
  expect(resolveSettings({ disablePersistence: "no" }, environment).disablePersistence).toBe(false);
});

test("a bad value is named with its place", () => {
  expect(() => resolveSettings({ port: "x" }, {})).toThrow('--port must be a whole number from 0 to 65535, not "x"');
  expect(() => resolveSettings({}, { HEARTHKV_ACK: "x" })).toThrow(
    "HEARTHKV_ACK must be one of memory, written, synced",
  );
  const config = configFile("\nwal-max-bytes 1\n");
  expect(() => resolveSettings({ config }, {})).toThrow(`${config}:2: wal-max-bytes must be a number of bytes`);
  expect(() => resolveSettings({ config: join(folder, "none") }, {})).toThrow("cannot be read: ENOENT");
});

test("every setting can be read from its flag, its variable and a file", () => {
  const samples = {
    ack: "synced",
    recovery: "strict",
    logLevel: "debug",
    host: "::1",
    dataDir: "/d",
    requirepass: "p",
    snapshotKeep: "5",
  };
  for (const [key, setting] of Object.entries(settings) as [keyof typeof settings, Setting<unknown>][]) {
    const text = (samples as Record<string, string>)[key] ?? (typeof setting.fallback === "boolean" ? "yes" : "5000");
    const expected = setting.read(text);
    expect(resolveSettings({ [key]: text }, {})[key], key).toEqual(expected);
    expect(resolveSettings({}, { [variableName(setting)]: text })[key], key).toEqual(expected);
    expect(resolveSettings({ config: configFile(`${setting.name} ${text}`) }, {})[key], key).toEqual(expected);
  }
});
