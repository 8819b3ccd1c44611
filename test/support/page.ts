/** Pages whose examples are run: console blocks with commands and what they print. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { projectRoot } from "./folders.js";

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** The blocks of a section of a page in the project's root, in order. */
export function blocksOf(file: string, heading: string): Block[] {
  const page = readFileSync(join(projectRoot, file), "utf8");
  const start = page.indexOf(`\n${heading}\n`);
  expect(start, heading).toBeGreaterThan(0);
  const level = heading.split(" ")[0] as string;
  // A # at the beginning of a line of a block is no heading.
  const headings = page.replace(/^```.*?^```$/gms, (block) => block.replaceAll("#", " "));
  const end = headings.slice(start + 1).search(new RegExp(`\n#{1,${level.length}} `));
  const section = page.slice(start, end === -1 ? undefined : start + 1 + end);
  return [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = "", text = ""]) => ({ language, text }));
}

/** `$ command` lines with the output that follows each. */
export function stepsOf(text: string): { readonly command: string; readonly expected: string }[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = "", ...output] = step.split("\n");
      return { command, expected: output.join("\n") };
    });
}

/** Matches an output in which … stands for what differs from run to run, and a line of it alone for any lines. */
export function outputPattern(expected: string): RegExp {
  const escaped = expected.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/^…\n/gm, "(?:.*\\n)*?").replaceAll("…", ".*")}$`);
}
