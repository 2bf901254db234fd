import { createRequire } from "node:module";
import type micromatch from "micromatch";
import { SandboxedError } from "../words/error.ts";

/** More alternatives than this are no rule that a person can check. */
const MOST_ALTERNATIVES = 256;

/** Present in the bundled commands, absent in the library. */
// oxlint-disable-next-line no-underscore-dangle -- the name is Node's
declare const __filename: string | undefined;

/**
 * `/a/{b,c}/*` to `/a/b/*` and `/a/c/*`. The number of alternatives is bounded before anything is expanded, since
 * twenty pairs of braces are a million patterns. Errors: `policy_invalid`.
 */
export function expandBraces(pattern: string): readonly string[] {
  if (!/(?<!\\)[{}]/.test(pattern)) return [pattern];
  // The library leaves `${a,b}` as it is and takes quotes out: a rule would not say what its writer meant.
  if (/\$\{|["'`]/.test(pattern)) throw invalid(pattern, "has braces beside quotes or after a dollar sign");
  if (alternatives(pattern) > MOST_ALTERNATIVES) {
    throw invalid(pattern, `stands for more than ${MOST_ALTERNATIVES} patterns`);
  }
  // Few patterns have braces: the library is loaded for those alone.
  const here = typeof __filename === "string" ? __filename : import.meta.url;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `require` has no types
  const library = createRequire(here)("micromatch") as typeof micromatch;
  return library.braces(pattern, { expand: true, keepEscaping: true });
}

/** At least as many as the expansion has: nested groups count as if they stood side by side. */
function alternatives(pattern: string): number {
  let total = 1;
  const open: number[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === "\\") at++;
    else if (character === "{") open.push(1);
    else if (character === "," && open.length > 0) open.push((open.pop() ?? 0) + 1);
    else if (character === "}") {
      const members = open.pop();
      if (members === undefined) throw invalid(pattern, "has a closing brace without its opening one");
      total *= members;
    } else if (open.length > 0 && pattern.startsWith("..", at)) throw invalid(pattern, "uses a range in braces");
  }
  if (open.length > 0) throw invalid(pattern, "has an opening brace without its closing one");
  return total;
}

function invalid(pattern: string, what: string): SandboxedError {
  return new SandboxedError("policy_invalid", `the pattern ${JSON.stringify(pattern.slice(0, 200))} ${what}`, {
    hint: "write the alternatives as entries of their own, or put a backslash before { and }",
  });
}
