/** The command line as a whole: how the server starts, says where it is, refuses, and ends; and the small client. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { copyDataDirectory } from "./crash/crash-run.js";
import {
  freePort,
  launcher,
  projectRoot,
  RespClient,
  requirePeer,
  runProcess,
  type ServerProcess,
  startHearth,
  startProcess,
  temporaryFolder,
  waitForPort,
  waitUntil,
} from "./support/index.js";

/** Runs `hearthkv` to its end. */
function hearthkv(args: readonly string[], options: Parameters<typeof runProcess>[2] = {}) {
  return runProcess(process.execPath, [launcher, ...args], options);
}

describe("serve", () => {
  test.each<[string[], string]>([
    [["serve", "--prot", "1"], "unknown option '--prot' (did you mean --port?)"],
    [["serve", "--port", "x"], '--port must be a whole number from 0 to 65535, not "x"'],
    [["serve", "--port"], "option '--port <number>' argument missing"],
    [
      ["serve", "--ack", "later"],
      '--ack must be one of memory, written, synced (in redis.conf\'s words: no, everysec, always), not "later"',
    ],
    [["serve", "more", "again"], "too many arguments for 'serve'. Expected 1 argument but got 2."],
    [["serve", "/none"], "the configuration file cannot be read: ENOENT"],
    [["serve", "/none", "--config", "/none"], "--config and a file are two files"],
    [["serve", "--config", "/none"], "the configuration file cannot be read: ENOENT"],
    [["swerve"], "unknown command 'swerve' (did you mean serve?)"],
  ])("hearthkv %j: one line and exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await hearthkv(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^hearthkv: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  test("Debian's redis.conf starts it, and what has no meaning here is one line", async () => {
    const folder = temporaryFolder();
    const config = join(folder, "redis.conf");
    const lines = readFileSync(join(projectRoot, "test/fixtures/debian-redis.conf"), "utf8");
    writeFileSync(config, `${lines}\nport 0\nsave 900 1\nsave 300 10\ndir ${join(folder, "data")}\ntimeout 77\n`);
    const child = startProcess(process.execPath, [launcher, "serve", config, "--log-format", "text"], { stdin: "" });
    const [, port] = await child.waitFor(/^HearthKV \S+ ready on \S+:(\d+)/m);
    const remembered = child.stdout.split("\n").filter((line) => line.includes("only remembered"));
    expect(remembered).toEqual([
      expect.stringContaining("here: daemonize, pidfile, logfile, appendonly no (every write is logged all the same)"),
    ]);
    const client = await RespClient.connect(Number(port));
    expect(await client.ok("CONFIG", "GET", "save")).toEqual(["save", "900 1 300 10"]);
    expect(await client.ok("CONFIG", "GET", "timeout")).toEqual(["timeout", "77"]);
    child.kill("SIGINT");
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.stdout).toMatch(/SIGINT: stopping\n(.*\n)*.*goodbye\n$/);

    writeFileSync(config, "port x\nfoo 1\nmaxmemory 1gb\n");
    const { code, stderr } = await hearthkv(["serve", config]);
    expect(code).toBe(2);
    const starts = stderr.trimEnd().split("\n");
    expect(starts.sort().map((line) => line.slice(0, `hearthkv: ${config}:1: `.length))).toEqual(
      [1, 2, 3].map((number) => `hearthkv: ${config}:${number}: `),
    );
  });

  // Control, seen red: with pino's own destination and process.stdout the server ends at its first line, exit code 1.
  test.skipIf(!existsSync("/dev/full")).each(["text", "json"])(
    "a %s log that cannot be written ends no server",
    async (format) => {
      const port = await freePort();
      const args = ["--port", String(port), "--data-dir", temporaryFolder(), "--log-format", format];
      const toFullDisk = ["-c", 'exec "$0" "$@" >/dev/full 2>&1', process.execPath, launcher, "serve", ...args];
      const child = startProcess("sh", toFullDisk, { stdin: "" });
      await Promise.race([waitForPort(port), child.exited.then((exit) => expect(exit).toBe("a server that runs"))]);
      const client = await RespClient.connect(port);
      await waitUntil("the data", async () => (await client.send("GET", "key")) === null);
      expect(await client.ok("SET", "key", "value")).toBe("OK");
      child.kill("SIGTERM");
      expect(await child.exited).toEqual({ code: 0, signal: null });
    },
  );

  test("help, version and their flags answer", async () => {
    const { stdout: version } = await hearthkv(["version"]);
    expect(version).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const flag of ["-v", "--version"]) expect((await hearthkv([flag])).stdout).toBe(version);
    expect((await hearthkv(["help"])).stdout).toContain("Usage: hearthkv");
    expect((await hearthkv(["help", "serve"])).stdout).toContain("--snapshot-ops");
    expect((await hearthkv(["cli", "help"])).stdout).toContain("Usage: hearthkv cli");
  });

  test("at a terminal the log is for people, elsewhere JSON", async (context) => {
    requirePeer(context, "script");
    const start = `${process.execPath} ${launcher} serve --port 0 --data-dir ${temporaryFolder()}`;
    const terminal = startProcess("script", ["-qec", start, "/dev/null"], { env: { TERM: "xterm" } });
    await terminal.waitFor(/ ready on /);
    expect(terminal.output).toMatch(/^\d\d:\d\d:\d\d\.\d{3} listening on /m);
    terminal.input.write("\x03");
    await terminal.waitFor(/SIGINT: stopping\r?\n(.*\n)*.*goodbye/);
    await terminal.exited;

    const piped = startProcess(process.execPath, [launcher, ...start.split(" ").slice(2)], { stdin: "" });
    await piped.waitFor(/ ready on /);
    expect(JSON.parse(piped.stdout.split("\n")[0] ?? "")).toMatchObject({ level: 30, addresses: expect.anything() });
    await piped.stop();
  });

  test("--help names every setting with its default and its variable", async () => {
    const { code, stdout } = await hearthkv(["serve", "--help"]);
    expect(code).toBe(0);
    const text = stdout.replace(/\s+/g, " ");
    for (const part of [
      "--port <number> TCP port; 0 takes a free one (default: 6379) [HEARTHKV_PORT]",
      "[HEARTHKV_CONFIG]",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("the banner gives version, address, folder, keys and time; SIGTERM leaves a snapshot and exit code 0", async () => {
    const dataDir = join(temporaryFolder(), "made", "here");
    const first = await startHearth({ dataDir });
    const client = await first.connect();
    await client.ok("MSET", "a", 1, "b", 2, "c", 3);
    expect(await first.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(readdirSync(dataDir).filter((name) => name.endsWith(".snap"))).toHaveLength(1);
    expect(existsSync(join(dataDir, "LOCK"))).toBe(false);

    const second = await startHearth({ dataDir });
    const banner = second.child.stdout.split("\n")[0];
    expect(banner).toMatch(/^HearthKV \d+\.\d+\.\d+ ready on 127\.0\.0\.1:\d+/);
    expect(banner).toContain(`data in ${dataDir}, 3 keys loaded in `);
    expect(await second.stop("SIGINT")).toEqual({ code: 0, signal: null });
    expect(second.child.stderr).toBe("");
  });

  test("SIGHUP and SIGUSR1 change nothing: no end, no debugger", async () => {
    const server = await startHearth();
    const client = await server.connect();
    for (const signal of ["SIGHUP", "SIGUSR1"] as const) {
      process.kill(server.pid, signal);
      expect(await client.ok("SET", "a", signal)).toBe("OK");
    }
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(server.child.stderr).toBe(""); // Node says there where its debugger listens
  });

  // Control: without the handler the process dies of SIGQUIT.
  test("SIGTERM or SIGQUIT while the data is loaded: exit code 0 at once, and the folder is as it was", async () => {
    const server = await startHearth({ flags: ["--snapshot-ops", "0"] });
    const client = await server.connect();
    const value = "v".repeat(100);
    for (let i = 0; i < 20; i++) {
      await Promise.all(Array.from({ length: 10_000 }, (_, j) => client.ok("SET", `${i}:${j}`, value)));
    }
    await server.kill();
    const signals: NodeJS.Signals[] = ["SIGTERM", "SIGQUIT"];
    while (signals.length > 0) {
      const dataDir = copyDataDirectory(server.dataDir);
      const before = readdirSync(dataDir);
      const child = startProcess(process.execPath, [launcher, "serve", "--port", "0", "--data-dir", dataDir]);
      await child.waitFor(/listening on /);
      const exit = await child.stop(signals[0]);
      expect(exit).toEqual({ code: 0, signal: null });
      if (child.output.includes(" ready on ")) continue; // it was quicker than we were
      expect(readdirSync(dataDir)).toEqual(before);
      signals.shift();
    }
  });

  test("SHUTDOWN ends the process with exit code 0", async () => {
    const server = await startHearth();
    const client = await server.connect();
    client.send("SHUTDOWN").catch(() => {}); // there is no reply
    expect(await server.child.exited).toEqual({ code: 0, signal: null });
  });

  test("a port in use, a folder in use: one line and exit code 1", async () => {
    const server = await startHearth();
    const flags = ["--log-level", "silent", "--data-dir"];
    const unmade = join(temporaryFolder(), "unmade");
    const samePort = await hearthkv(["serve", "--port", String(server.port), ...flags, unmade]);
    expect(samePort.code).toBe(1);
    expect(existsSync(unmade)).toBe(false);
    expect(samePort.stderr).toMatch(/^hearthkv: cannot listen on [^\n]+: it is in use already\n$/);
    const sameFolder = await hearthkv(["serve", "--port", "0", ...flags, server.dataDir]);
    expect(sameFolder.code).toBe(1);
    expect(sameFolder.stderr).toMatch(/^hearthkv: [^\n]+\n$/);
    await server.stop();
  });

  test("flags, variables and the file reach the server", async () => {
    const config = join(temporaryFolder(), "hearthkv.conf");
    writeFileSync(config, "maxclients 50\nappendfsync always\nrequirepass filé\n");
    const server = await startHearth({
      flags: ["--config", config, "--fsync-interval-ms", "50"],
      env: { HEARTHKV_MAXCLIENTS: "40" },
    });
    const client = await server.connect();
    expect(await client.send("GET", "a")).toMatchObject({ message: "NOAUTH Authentication required." });
    await client.ok("AUTH", "filé");
    expect(await client.ok("CONFIG", "GET", "maxclients")).toEqual(["maxclients", "40"]);
    expect(await client.ok("CONFIG", "GET", "appendfsync")).toEqual(["appendfsync", "always"]);
    await server.stop();
  });

  test("--disable-persistence keeps nothing", async () => {
    const server = await startHearth({ flags: ["--disable-persistence"] });
    const client = await server.connect();
    await client.ok("SET", "a", 1);
    expect(server.child.stdout).toContain("in memory only");
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(readdirSync(server.dataDir)).toEqual([]);
  });

  test("a second signal ends a stop that hangs, and what was acknowledged is there all the same", async (context) => {
    requirePeer(context, "strace");
    const server = await startHearth({ flags: ["--fsync-interval-ms", "60000"] });
    const hang = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=3000000"];
    const disk = startProcess("strace", ["-f", "-p", String(server.pid), "-o", "/dev/null", ...hang]);
    await disk.waitFor(/attached/);
    const client = await server.connect();
    await client.ok("SET", "a", 1);
    process.kill(server.pid, "SIGTERM");
    process.kill(server.pid, "SIGINT"); // at once: as npm and the terminal do, and not yet a second wish
    await sleep(1000);
    expect(server.child.stderr).toBe("");
    expect((await server.stop("SIGTERM")).signal).toBe("SIGKILL");
    expect(server.child.stderr).toContain("second SIGTERM: ended at once");

    const again = await startHearth({ dataDir: server.dataDir });
    expect(await (await again.connect()).ok("GET", "a")).toBe("1");
    await again.stop();
  });

  test("npm start sets up and serves, and a signal to npm ends the server in order", async () => {
    const dataDir = temporaryFolder();
    const args = ["start", "--silent", "--", "--port", "0", "--log-level", "warn", "--data-dir", dataDir];
    const npm = startProcess("npm", args, { cwd: projectRoot, stdin: "" });
    const [, port] = await npm.waitFor(/^HearthKV \S+ ready on \S+:(\d+)/m);
    const client = await RespClient.connect(Number(port));
    await client.ok("SET", "a", 1);
    await npm.stop("SIGTERM");
    expect(readdirSync(dataDir).filter((name) => name.endsWith(".snap") || name === "LOCK")).toEqual([
      expect.stringMatching(/snap$/),
    ]);
  });

  test("its output may go away", async () => {
    const server = await startHearth({
      wrapper: ["sh", "-c", '"$@" | head -n 3', "sh"],
      flags: ["--log-level", "info"],
    });
    const client = await server.connect();
    expect(await client.ok("SET", "a", 1)).toBe("OK");
    expect(await client.ok("SAVE")).toBe("OK"); // it logs
    expect(await client.ok("GET", "a")).toBe("1");
    await server.stop();
  });
});

describe("cli", () => {
  let server: ServerProcess;
  let target: string[];

  beforeAll(async () => {
    server = await startHearth();
    target = ["cli", "-p", String(server.port)];
  });

  test("one-shot prints as redis-cli does, raw and for people", async (context) => {
    requirePeer(context, "redis-cli");
    const client = await server.connect();
    await client.ok("RPUSH", "list", "a b", "\x00\xff", "c");
    const commands = [
      ["SET", "key", "it is\n warm"],
      ["GET", "key"],
      ["GET", "none"],
      ["LRANGE", "list", "0", "-1"],
      ["LRANGE", "none", "0", "-1"],
      ["STRLEN", "key"],
      ["NOPE"],
      ["LPUSH", "key", "-1"],
      ["COMMAND", "INFO", "get", "none"],
    ];
    for (const command of commands) {
      for (const mode of ["--raw", "--no-raw"]) {
        const ours = await hearthkv([...target, mode, ...command]);
        const theirs = await runProcess("redis-cli", ["-p", String(server.port), mode, ...command]);
        expect({ code: ours.code, text: ours.stdout }, command.join(" ")).toEqual({ code: 0, text: theirs.stdout });
      }
    }
  });

  test("piped lines run one after the other", async () => {
    const stdin = 'SET piped "a\\x41"\nGET piped\n\nSELECT 3\nGET piped\n"unbalanced\nquit\nGET piped\n';
    const { code, stdout } = await hearthkv([...target, "--no-raw"], { stdin });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'OK\n"aA"\nOK\n(nil)\nInvalid argument(s)\n' });
  });

  test("-n, -a and a server that is not there", async () => {
    await hearthkv([...target, "-n", "5", "SET", "there", "1"]);
    expect((await hearthkv([...target, "-n", "5", "EXISTS", "there"])).stdout).toBe("1\n");
    expect((await hearthkv([...target, "-a", "x", "PING"])).stderr).toContain(
      "AUTH failed: ERR AUTH <password> called without",
    );
    const port = await freePort();
    const { code, stderr } = await hearthkv(["cli", "-p", String(port), "PING"]);
    expect(code).toBe(1);
    expect(stderr).toBe(`hearthkv: Could not connect to HearthKV at 127.0.0.1:${port}: Connection refused\n`);
  });

  test("messages of a subscription are printed as they come", async () => {
    const listener = startProcess(process.execPath, [launcher, ...target, "--no-raw", "SUBSCRIBE", "news"]);
    await listener.waitFor(/1\) "subscribe"\n2\) "news"\n3\) \(integer\) 1\n/);
    const client = await RespClient.connect(server.port);
    expect(await client.ok("PUBLISH", "news", "warm")).toBe(1);
    await listener.waitFor(/1\) "message"\n2\) "news"\n3\) "warm"\n/);
    await listener.stop("SIGINT");
    client.close();
  });

  test("at a terminal: a prompt that shows the database, errors, and a lost server", async (context) => {
    requirePeer(context, "script");
    const own = await startHearth();
    const command = `stty cols 100 rows 30; exec ${process.execPath} ${launcher} cli -p ${own.port}`;
    const terminal = startProcess("script", ["-qec", command, "/dev/null"], { env: { TERM: "xterm" } });
    const type = async (line: string, expected: RegExp) => {
      terminal.output = "";
      terminal.input.write(`${line}\r`);
      await terminal.waitFor(expected);
    };
    await terminal.waitFor(new RegExp(`127.0.0.1:${own.port}> `));
    await type("SET a 'b c'", /\nOK\r/);
    await type("GET a", /\n"b c"\r/);
    await type("SELECT 2", /\[2\]> /);
    await type("NOPE", /\(error\) ERR unknown command/);
    await own.stop();
    await type("PING", /not connected> /);
    const again = await startHearth({ port: own.port, dataDir: own.dataDir });
    await type("PING", /PONG/);
    terminal.input.write("exit\r");
    expect((await terminal.exited).code).toBe(0);
    await again.stop();
  });
});
