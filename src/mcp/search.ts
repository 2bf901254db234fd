/** Something that can be found by words. */
export interface Searchable {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: unknown;
}

/** Okapi BM25's usual constants: how fast repetition stops counting, how much length counts against. */
const K1 = 1.2;
const B = 0.75;

/** A name says more than prose. */
const weights = { name: 4, title: 2, description: 1, parameters: 1 } as const;

/** The tools that have any word of the query, best first; equals by name. */
export function searchTools<T extends Searchable>(tools: readonly T[], query: string, limit: number): readonly T[] {
  const asked = new Set(words(query));
  const documents = tools.map((tool) => ({ tool, ...counts(tool) }));
  const mean = documents.reduce((sum, { length }) => sum + length, 0) / Math.max(1, documents.length);
  const scored = documents.map(({ tool, terms, length }) => {
    let score = 0;
    for (const term of asked) {
      const found = terms.get(term) ?? 0;
      if (found === 0) continue;
      const holders = documents.filter((one) => one.terms.has(term)).length;
      const rarity = Math.log(1 + (documents.length - holders + 0.5) / (holders + 0.5));
      score += (rarity * found * (K1 + 1)) / (found + K1 * (1 - B + (B * length) / mean));
    }
    return { tool, score };
  });
  return scored
    .filter(({ score }) => score > 0)
    .toSorted((one, other) => other.score - one.score || (one.tool.name < other.tool.name ? -1 : 1))
    .slice(0, limit)
    .map(({ tool }) => tool);
}

function counts(tool: Searchable): { readonly terms: ReadonlyMap<string, number>; readonly length: number } {
  const terms = new Map<string, number>();
  let length = 0;
  const add = (text: string, weight: number): void => {
    for (const word of words(text)) {
      terms.set(word, (terms.get(word) ?? 0) + weight);
      length += weight;
    }
  };
  add(tool.name, weights.name);
  add(tool.title ?? "", weights.title);
  add(tool.description ?? "", weights.description);
  for (const text of parameterTexts(tool.inputSchema, 0)) add(text, weights.parameters);
  return { terms, length };
}

/** Names and descriptions of parameters, however deep they are described. */
function parameterTexts(schema: unknown, depth: number): readonly string[] {
  if (typeof schema !== "object" || schema === null || depth > 8) return [];
  return Object.entries(schema).flatMap(([key, member]: [string, unknown]) => {
    if (key === "description" || key === "title") return typeof member === "string" ? [member] : [];
    if (key === "properties" && typeof member === "object" && member !== null) {
      return Object.entries(member).flatMap(([name, below]) => [name, ...parameterTexts(below, depth + 1)]);
    }
    return parameterTexts(member, depth + 1);
  });
}

/** `readTextFile`, `read_text_file` and "Read text files" have words in common. */
function words(text: string): readonly string[] {
  const apart = text.replace(/(?<=[a-z0-9])(?=[A-Z])/g, " ").toLowerCase();
  return (apart.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => (word.length > 3 ? word.replace(/s$/, "") : word));
}
