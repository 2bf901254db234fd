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

/**
 * Why a command fetches what nobody has fixed: the newest version of a package is whatever its registry says today.
 * Null for programs that fetch nothing, and for packages with an exact version.
 */
export function runnerProblem(program: string, args: readonly string[]): string | null {
  const name = basename(program);
  const known = runners.get(name);
  if (known === undefined) return null;
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
