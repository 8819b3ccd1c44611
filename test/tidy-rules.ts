/** The house rules that a program can check, as functions over source text. `tidy.test.ts` runs them over the project, and each over a bad sample. */

/** A source file; `path` is relative to the project's root, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Which packages each package may import. */
export const allowedImports: Readonly<Record<string, readonly string[]>> = {
  cli: ["server"],
  server: ["commands", "durability", "engine", "resp"],
  commands: ["engine", "rdb", "resp"],
  durability: [],
  engine: [],
  rdb: [],
  resp: [],
};

/** Words that the code of a package must not hold (comments and strings are not looked at), and why. */
const bannedWords: Readonly<Record<string, readonly (readonly [RegExp, string])[]>> = {
  engine: [
    [/\bDate\b/, "the engine's clock is passed in"],
    [/\bperformance\b/, "the engine's clock is passed in"],
    [/\bMath\.random\b/, "the engine's random source is passed in"],
    [/\bset(Timeout|Interval|Immediate)\b/, "the engine does nothing by itself"],
    [/\b(async|await)\b/, "the engine is synchronous"],
  ],
  commands: [[/\b(async|await|Promise)\b/, "a command runs to its end synchronously"]],
};

/** Modules that the code of a package must not import. */
const bannedModules: Readonly<Record<string, RegExp>> = {
  engine: /^node:(fs|net|tls|http|https|dgram|worker_threads|child_process|cluster|timers|perf_hooks|process|os)(\/|$)/,
  commands: /^node:(fs|net|tls|http|https|dgram|worker_threads|child_process|cluster|timers)(\/|$)/,
  rdb: /^node:(fs|net|tls|http|https|dgram|worker_threads|child_process|cluster)(\/|$)/,
  resp: /^node:(fs|net|tls|http|https|dgram|worker_threads|child_process|cluster)(\/|$)/,
};

/** Rooms of a package's src, each with those that its files may import from; files beside the rooms may be imported by all. */
const rooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  commands: { table: [], arguments: [] },
  server: {
    clients: [],
    persistence: [],
    admission: ["clients"],
    pubsub: ["clients", "waiting"],
    waiting: ["clients"],
    transactions: ["clients", "waiting"],
    turn: ["info", "persistence"],
    migration: ["clients", "dispatch", "waiting"],
    insight: ["clients"],
    dispatch: [
      "admission",
      "clients",
      "config",
      "info",
      "insight",
      "persistence",
      "pubsub",
      "transactions",
      "turn",
      "upkeep",
      "waiting",
    ],
  },
};

/** Two packages that know nothing of each other, and the only folders of the server where one file may know both. */
const strangers = ["@hearthkv/engine", "@hearthkv/durability"];
const meetingPlaces = /^packages\/server\/src\/(persistence|tools)\//;

const fileLinesMax = 600;
const usualFileLinesMax = 400;

/** Every rule that looks at one file of a package's src; a finding is `path:line: what is wrong`. */
export function checkSource(file: SourceFile): string[] {
  const packageName = packageOf(file.path);
  const code = blankCommentsAndStrings(file.text);
  return [
    ...checkImports(file, packageName),
    ...checkWords(file, code, bannedWords[packageName] ?? []),
    ...checkWords(file, code, [
      [/\bany\b/, "`any` switches the type checker off"],
      [/^export (let|var)\b/, "who imports it keeps the value it had at first (bin/bind-imports.js)"],
    ]),
    ...checkAnywhere(file),
  ];
}

/** The rules that hold for every file of ours, tests and scripts, too. */
export function checkAnywhere(file: SourceFile): string[] {
  const findings = checkWords(file, file.text, [
    [/\b(TODO|FIXME|XXX|HACK)\b/, "unfinished work belongs in an issue"],
    [/@ts-(ignore|nocheck)/, "use @ts-expect-error with a reason"],
    [/@ts-expect-error\W*$/, "@ts-expect-error needs a reason"],
  ]);
  if (/(^|\/)(utils?|helpers?|common|misc)\/|\/src\/.*\b(utils?|helpers?|common|misc)\.ts$/.test(file.path)) {
    findings.push(`${file.path}:1: name it after what it is for`);
  }
  return findings;
}

function checkImports(file: SourceFile, packageName: string): string[] {
  const findings: string[] = [];
  for (const { name, line } of importsOf(file.text)) {
    const place = `${file.path}:${line}:`;
    const other = /^@hearthkv\/([^/]+)(\/.*)?$/.exec(name);
    if (other !== null) {
      const allowed = allowedImports[packageName] ?? [];
      if (!allowed.includes(other[1]!)) findings.push(`${place} ${packageName} must not import ${other[1]}`);
      if (other[2] !== undefined) findings.push(`${place} import the package's index, not ${other[2]}`);
    }
    if (name.startsWith(".") && !resolveFrom(file.path, name).startsWith(`packages/${packageName}/src/`)) {
      findings.push(`${place} ${name} leads out of the package`);
    }
    const room = roomOf(file.path);
    const otherRoom = name.startsWith(".") ? roomOf(resolveFrom(file.path, name)) : "";
    const open = rooms[packageName]?.[room];
    if (open !== undefined && otherRoom !== "" && otherRoom !== room && !open.includes(otherRoom)) {
      findings.push(`${place} ${room} must not import ${otherRoom}`);
    }
    if (bannedModules[packageName]?.test(name)) findings.push(`${place} ${packageName} must not import ${name}`);
  }
  if (packageName === "server" && !meetingPlaces.test(file.path)) {
    const names = importsOf(file.text).map(({ name }) => name);
    if (strangers.every((stranger) => names.includes(stranger))) {
      findings.push(`${file.path}:1: engine and durability meet only in persistence and tools`);
    }
  }
  return findings;
}

function checkWords(file: SourceFile, text: string, rules: readonly (readonly [RegExp, string])[]): string[] {
  return text.split("\n").flatMap((line, index) => {
    return rules.flatMap(([pattern, reason]) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${file.path}:${index + 1}: ${found[0].trim()}: ${reason}`];
    });
  });
}

/**
 * Modules that import values of each other in a circle, which those of one package could: bin/bind-imports.js wants each to have run before who imports it.
 * A finding names the circle once.
 */
export function checkCircles(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map((file) => [file.path, valueImportsOf(file)]));
  const findings: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    const from = way.indexOf(path);
    if (from >= 0) findings.push(`${path}:1: imports itself: ${[...way.slice(from), path].join(" -> ")}`);
    if (from >= 0 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return findings;
}

/** The files of the same package of which a file imports, or hands on, more than types. */
function valueImportsOf(file: SourceFile): string[] {
  const statement = /^(?:import|export) (?!type\b)([^;"']*?)from "(\.[^"]*)\.js";/gm;
  const found = [...blankComments(file.text).matchAll(statement)];
  const hasValue = (names: string) => !/^\{(\s*type [^,}]*,?)*\s*\}\s*$/.test(names);
  return found.filter((match) => hasValue(match[1]!)).map((match) => `${resolveFrom(file.path, match[2]!)}.ts`);
}

/** No file of a package's src is huge, and nine in ten are of a comfortable size. */
export function checkSizes(files: readonly SourceFile[]): string[] {
  const sizes = files.map(({ path, text }) => ({ path, lines: text.trimEnd().split("\n").length }));
  const findings = sizes
    .filter(({ lines }) => lines > fileLinesMax)
    .map(({ path, lines }) => `${path}:${lines}: longer than ${fileLinesMax} lines: is it one thing?`);
  const long = sizes.filter(({ lines }) => lines > usualFileLinesMax);
  if (long.length * 10 > sizes.length) {
    const worst = long.map(({ path, lines }) => `${path}:${lines}`).join(", ");
    findings.push(`more than one file in ten is longer than ${usualFileLinesMax} lines: ${worst}`);
  }
  return findings;
}

/** Names of the modules a text imports or re-exports from, also types and `import()`. */
export function importsOf(text: string): { name: string; line: number }[] {
  const pattern = /(?:\bfrom\s+|\bimport\s*\(?\s*)["']([^"'\n]+)["']/g;
  const visible = blankComments(text);
  return [...visible.matchAll(pattern)].map((match) => {
    return { name: match[1]!, line: visible.slice(0, match.index).split("\n").length };
  });
}

function packageOf(path: string): string {
  return path.split("/")[1] ?? "";
}

/** The folder of src that a file is in, "" for one beside the folders. */
function roomOf(path: string): string {
  return /^packages\/[^/]+\/src\/([^/]+)\//.exec(path)?.[1] ?? "";
}

function resolveFrom(path: string, relative: string): string {
  const parts = path.split("/").slice(0, -1);
  for (const part of relative.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function blankComments(text: string): string {
  return blank(text, false);
}

/** The text with comments, strings and regular expressions turned into spaces; lines stay where they are. */
export function blankCommentsAndStrings(text: string): string {
  return blank(text, true);
}

// One alternative for each thing that may hold any characters. A regular expression is told from a division by what stands before it.
const tokens = new RegExp(
  [
    String.raw`(?<comment>//[^\n]*|/\*[^]*?\*/)`,
    String.raw`(?<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\x60(?:\\[^]|\$\{(?:[^{}]|\{[^{}]*\})*\}|[^\x60\\])*\x60)`,
    String.raw`(?<=[(,=:[!&|?{};+\n>]\s*|\breturn\s+)(?<pattern>/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+/[a-z]*)`,
  ].join("|"),
  "g",
);

function blank(text: string, alsoStrings: boolean): string {
  return text.replace(tokens, (token, ...rest) => {
    const groups = rest.at(-1) as { comment?: string; text?: string };
    if (groups.comment === undefined && !alsoStrings) return token;
    // What stands in the ${} of a template is code.
    if (groups.text?.startsWith("`"))
      return token.replace(/\$\{[\s\S]*?\}|[^\n]/g, (part) => (part.length > 1 ? part : " "));
    return token.replace(/[^\n]/g, " ");
  });
}
