import type { ParseTarget } from "../door/parts.ts";

const most = 1024;

/** The same parser, which does not read the same text twice: programs ask for the same few hosts again and again. */
export function remember(parse: ParseTarget): ParseTarget {
  const known = new Map<string, ReturnType<ParseTarget>>();
  return (text, defaultPort) => {
    const key = `${defaultPort} ${text}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const target = parse(text, defaultPort);
    if (known.size >= most) known.clear();
    if (target !== null) known.set(key, target);
    return target;
  };
}
