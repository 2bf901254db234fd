/**
 * Finds a key in one of the tool's own data files, which are written plainly: one key a line, table headers with at
 * most quoted names. For what people write there is a real scanner in the configuration part.
 */
export function placeOfKey(
  text: string,
  keyPath: readonly string[],
): { readonly line: number; readonly column: number } {
  const lines = text.split("\n");
  let best = { line: 1, column: 1 };
  let bestDepth = 0;
  let table: readonly string[] = [];
  lines.forEach((content, index) => {
    const trimmed = content.trimStart();
    const column = content.length - trimmed.length + 1;
    if (trimmed.startsWith("[")) table = keyParts(trimmed.replace(/^\[+|\]+.*$/g, ""));
    const path = trimmed.startsWith("[") ? table : [...table, ...keyParts(trimmed)];
    const depth = commonDepth(path, keyPath);
    if (depth > bestDepth && depth === path.length) [best, bestDepth] = [{ line: index + 1, column }, depth];
  });
  return best;
}

/** Finds a quoted value of an array. */
export function placeOfValue(text: string, value: string): { readonly line: number; readonly column: number } {
  const offset = Math.max(0, text.indexOf(JSON.stringify(value)));
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

/** The dotted key at the start of a line: `permissions.":isolated".filesystem`. */
function keyParts(text: string): readonly string[] {
  const key = /^(?:"[^"]*"|[\w-]+)(?:\.(?:"[^"]*"|[\w-]+))*/.exec(text)?.[0] ?? "";
  return (key.match(/"[^"]*"|[\w-]+/g) ?? []).map((part) => part.replaceAll('"', ""));
}

function commonDepth(one: readonly string[], other: readonly string[]): number {
  let depth = 0;
  while (depth < one.length && depth < other.length && one[depth] === other[depth]) depth++;
  return depth;
}
