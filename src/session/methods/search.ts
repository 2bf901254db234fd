import type { ToolDescription } from "../tools.ts";

/** The tools that fit the words best, best first: a word in the name counts most, a rare one more than a common one. */
export function searchTools(
  tools: readonly ToolDescription[],
  query: string,
  limit: number,
): readonly ToolDescription[] {
  const words = [...new Set(wordsIn(query))];
  const texts = tools.map((tool) => ({
    tool,
    name: new Set(wordsIn(`${tool.name} ${tool.title ?? ""}`)),
    text: new Set(wordsIn(tool.description ?? "")),
  }));
  const weights = words.map((word) => {
    const holding = texts.filter(({ name, text }) => has(name, word) || has(text, word)).length;
    return [word, Math.log(1 + tools.length / (1 + holding)) + 0.1] as const;
  });
  return texts
    .map(({ tool, name, text }) => {
      let score = 0;
      for (const [word, weight] of weights) score += weight * (has(name, word) ? 3 : has(text, word) ? 1 : 0);
      return { tool, score };
    })
    .filter(({ score }) => score > 0)
    .toSorted((one, other) => other.score - one.score)
    .slice(0, limit)
    .map(({ tool }) => tool);
}

/** `read` finds `reads` and `reading` as well. */
function has(words: ReadonlySet<string>, word: string): boolean {
  if (words.has(word)) return true;
  if (word.length < 3) return false;
  for (const each of words) if (each.startsWith(word)) return true;
  return false;
}

function wordsIn(text: string): readonly string[] {
  return text
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
}
