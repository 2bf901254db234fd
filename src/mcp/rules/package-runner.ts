import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { escapeText } from "../../policy/index.ts";

interface Runner {
  /** Words that come before the package: `exec`, `tool run`. */
  readonly words: readonly string[];
  /** Options that name a package. */
  readonly packages: readonly string[];
  /** Options that change nothing about what is run. */
  readonly harmless: readonly string[];
  readonly pinned: RegExp;
}

/** `name@1.2.3`, with a scope or without. */
const npmPinned = /^(?:@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:-[\w.-]+)?$/;
/** `name==1.2.3`, and uv's `name@1.2.3`. */
const pypiPinned = /^[\w.-]+(?:\[[\w,.-]+\])?(?:==|@)\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)*$/;

const npm = { packages: ["-p", "--package"], harmless: ["-y", "--yes", "-q", "--quiet"], pinned: npmPinned } as const;
const pypi = { packages: ["--from", "--with"], harmless: ["-q", "--quiet"], pinned: pypiPinned } as const;

const runners = new Map<string, readonly Runner[]>([
  ["npx", [{ ...npm, words: [] }]],
  [
    "npm",
    [
      { ...npm, words: ["exec"] },
      { ...npm, words: ["x"] },
    ],
  ],
  ["pnpx", [{ ...npm, words: [] }]],
  ["pnpm", [{ ...npm, words: ["dlx"] }]],
  ["yarn", [{ ...npm, words: ["dlx"] }]],
  ["bunx", [{ ...npm, words: [] }]],
  ["bun", [{ ...npm, words: ["x"] }]],
  ["uvx", [{ ...pypi, words: [] }]],
  ["uv", [{ ...pypi, words: ["tool", "run"] }]],
  ["pipx", [{ ...pypi, packages: ["--spec"], words: ["run"] }]],
]);

/** Programs that start the program after them. */
const starters: ReadonlySet<string> = new Set(["env", "nohup", "setsid", "corepack"]);
/** Programs that run a script, which may be a runner's: `node …/npx-cli.js`. */
const engines: ReadonlySet<string> = new Set(["node", "nodejs", "bun", "deno"]);

/**
 * Why a command fetches what nobody has fixed: the newest version of a package is whatever its registry says today.
 * Null for programs that fetch nothing, and for packages with an exact version. A runner is known by its own name, by
 * that of the file behind a link, and behind programs that start others.
 */
export function runnerProblem(program: string, args: readonly string[]): string | null {
  const names = namesOf(program);
  const name = names.find((each) => runners.has(each));
  if (name !== undefined) return problemOf(name, runners.get(name) ?? [], args);
  const starter = names.find((each) => starters.has(each));
  if (starter !== undefined) return problemBehind(starter, args);
  if (names.some((each) => engines.has(each))) return problemFrom(args, /\.[cm]?js$/);
  return names.some((each) => /^python[\d.]*$/.test(each)) && args.includes("-m") ? problemFrom(args, /^\w+$/) : null;
}

/** `npx-cli.js`, `npx.cmd` and `npx20` are all of them `npx`. */
function namesOf(program: string): readonly string[] {
  return [program, realPath(program)].flatMap((path) => {
    const name = basename(path).replace(/\.(?:[cm]?js|cmd|exe)$/, "");
    return [name, name.replace(/-cli$/, ""), name.replace(/-?\d[\d.]*$/, "")];
  });
}

function realPath(program: string): string {
  try {
    return program.startsWith("/") ? realpathSync.native(program) : program;
  } catch {
    return program;
  }
}

/** Any of its words may be the program: which options take a value is the starter's affair. */
function problemBehind(starter: string, args: readonly string[]): string | null {
  const split = args.find((word) => /^(?:-[a-zA-Z]*S|--split-string)/.test(word));
  return split === undefined ? problemFrom(args, /^/) : `${starter} with ${escapeText(split)} cannot be judged`;
}

/** Of the first word that is a runner and looks like this. */
function problemFrom(args: readonly string[], looks: RegExp): string | null {
  for (const [at, word] of args.entries()) {
    const name = looks.test(word) ? namesOf(word).find((each) => runners.has(each)) : undefined;
    if (name !== undefined) return problemOf(name, runners.get(name) ?? [], args.slice(at + 1));
  }
  return null;
}

function problemOf(name: string, known: readonly Runner[], args: readonly string[]): string | null {
  const runner = known.find(({ words }) => words.every((word, index) => args[index] === word));
  // Without those words it runs what is there already, but which file that is depends on where it is started.
  if (runner === undefined) return `${name} runs what its directory says`;
  const packages: string[] = [];
  for (let at = runner.words.length; at < args.length; at++) {
    const word = args[at] ?? "";
    const [option, value] = splitOption(word);
    if (word === "--") continue;
    if (!word.startsWith("-")) {
      // The first word is the package, or where options named packages the program in them; the rest is the program's.
      if (packages.length === 0) packages.push(word);
      break;
    }
    if (runner.packages.includes(option)) packages.push(value ?? args[++at] ?? "");
    else if (!runner.harmless.includes(word)) return `${name} with ${escapeText(word)} cannot be judged`;
  }
  const loose = packages.length === 0 ? "" : packages.find((spec) => !runner.pinned.test(spec));
  if (loose === undefined) return null;
  return `${name} needs an exact version, and ${escapeText(JSON.stringify(loose))} has none`;
}

function splitOption(word: string): readonly [string, string?] {
  const equals = word.startsWith("--") ? word.indexOf("=") : -1;
  return equals < 0 ? [word] : [word.slice(0, equals), word.slice(equals + 1)];
}
