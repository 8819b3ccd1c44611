/**
 * What single parts cost, in this process, without sockets and files: nanoseconds an operation, one file for each package.
 *
 *   node bench/micro/run.mjs [--only resp] [--ms 200] [--scale 1] [--json]
 *
 * --only: parts whose name begins so. --ms: time for each part. --scale: of the data. A part that this revision does not have is named, with the reason.
 */
import { parseArgs } from "node:util";
import { helpIfAsked, number, refuse } from "../load/report.mjs";
import { setScale } from "./requests.mjs";

helpIfAsked(import.meta.url);
const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    ms: { type: "string", default: "200" },
    scale: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
setScale(number(values, "scale"));
const budgetMs = number(values, "ms");
const packages = ["resp", "engine", "durability", "commands", "server"];
const SAMPLES_MIN = 5;

/**
 * Nanoseconds an operation: the first quartile of many short runs, because other processes only ever make one longer. A quarter of the time
 * goes before, for the compiler.
 */
function measure({ operations, run }) {
  for (const endMs = performance.now() + budgetMs / 4; performance.now() < endMs; ) run();
  const samples = [];
  const endMs = performance.now() + budgetMs;
  while (samples.length < SAMPLES_MIN || performance.now() < endMs) {
    const startNs = process.hrtime.bigint();
    run();
    samples.push(Number(process.hrtime.bigint() - startNs) / operations);
  }
  return samples.sort((a, b) => a - b)[samples.length >> 2];
}

const results = {};
const missing = {};
for (const name of packages.filter((each) => each.startsWith(values.only.split("/")[0]) || values.only === "")) {
  try {
    const { parts } = await import(`./${name}.mjs`);
    for (const [part, make] of Object.entries(parts)) {
      const title = `${name}/${part}`;
      if (!title.startsWith(values.only)) continue;
      try {
        results[title] = measure(make());
      } catch (error) {
        missing[title] = error.message;
      }
    }
  } catch (error) {
    missing[name] = error.message;
  }
}

if (Object.keys(results).length + Object.keys(missing).length === 0) {
  refuse(`--only ${values.only}: no part begins so; the packages are ${packages.join(", ")}`);
}
if (values.json) console.log(JSON.stringify({ results, missing }));
else {
  console.log(`node bench/micro/run.mjs | ${new Date().toISOString().slice(0, 16)}Z | Node ${process.version}`);
  for (const [title, ns] of Object.entries(results))
    console.log(`${title.padEnd(50)} ${ns.toFixed(1).padStart(10)} ns`);
  for (const [title, reason] of Object.entries(missing)) console.log(`${title.padEnd(50)} failed: ${reason}`);
}
if (Object.keys(missing).length > 0 && !values.json) process.exitCode = 1;
