#!/usr/bin/env node
// Makes a checkout ready to run with nothing but Node and npm: installs the locked dependencies, then builds.
// When nothing changed it only compares one hash and lets `tsc -b` look at its own build info (about a second).
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bindImports } from "./bind-imports.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const stampFile = join(root, "node_modules", ".hearthkv-setup");
const nodeMinimum = [20, 20];

/** Ends the set-up with what the failed step printed, and one line that says which step it was. */
function fail(line, output = "") {
  if (output.trim() !== "") process.stderr.write(`${output.trimEnd()}\n`);
  process.stderr.write(`setup: ${line}\n`);
  process.exit(1);
}

/** Runs a step quietly; its output is shown only when it fails. */
function step(command, args, failure) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CI: "true" }, // pnpm then never asks a question
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error) fail(`${failure}: ${result.error.message}`);
  if (result.status !== 0) fail(failure, result.stdout + result.stderr);
}

/** Changes with anything that decides what is installed. */
function installHash() {
  const packages = readdirSync(join(root, "packages")).map((name) => join("packages", name, "package.json"));
  const hash = createHash("sha256").update(process.version);
  for (const file of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ...packages.sort()]) {
    if (existsSync(join(root, file))) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return hash.digest("hex");
}

function install() {
  const wanted = installHash();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return;
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  process.stdout.write(`setup: installing the locked dependencies with ${packageManager}\n`);
  rmSync(stampFile, { force: true });
  // npm runs us and names itself; started by hand, npm's own script lies beside node or on the PATH.
  // pm-on-fail=ignore: this very pnpm is already the pinned one, so it need not resolve (and lock) itself once more.
  const args = ["exec", "--yes", "--", packageManager, "install", "--frozen-lockfile", "--config.pm-on-fail=ignore"];
  const npm = process.env.npm_execpath;
  const failure = "the dependencies could not be installed (is the npm registry reachable?)";
  if (npm?.endsWith(".js")) step(process.execPath, [npm, ...args], failure);
  else step(process.platform === "win32" ? "npm.cmd" : "npm", args, failure);
  writeFileSync(stampFile, wanted);
}

function build() {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  if (!existsSync(tsc)) {
    rmSync(stampFile, { force: true });
    fail("node_modules is incomplete: run it once more");
  }
  step(process.execPath, [tsc, "-b"], "the build failed (the lines above say where)");
  for (const name of readdirSync(join(root, "packages"))) bindImports(join(root, "packages", name, "dist"));
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < nodeMinimum[0] || (major === nodeMinimum[0] && minor < nodeMinimum[1])) {
  fail(`Node ${nodeMinimum.join(".")} or newer is needed, this is ${process.versions.node}`);
}
install();
build();
