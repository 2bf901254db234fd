import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const projectRoot = join(import.meta.dirname, "../..");

export function readProjectFile(path: string): string {
  return readFileSync(join(projectRoot, path), "utf8");
}

/** Everything written for people, by its path from the root. */
export const pages: readonly string[] = [
  "README.md",
  "SECURITY.md",
  "CHANGELOG.md",
  ...readdirSync(join(projectRoot, "docs"))
    .filter((name) => name.endsWith(".md"))
    .toSorted()
    .map((name) => `docs/${name}`),
];

/** A fenced block: what stands behind the fence, where it begins, and its text. */
export interface Block {
  readonly page: string;
  readonly line: number;
  readonly info: string;
  readonly text: string;
}

export function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | null = null;
  for (const [index, line] of readProjectFile(page).split("\n").entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === null) open = { line: index + 1, info: (fence[1] ?? "").trim(), lines: [] };
    else {
      blocks.push({ page, line: open.line, info: open.info, text: open.lines.join("\n") });
      open = null;
    }
  }
  if (open !== null) throw new Error(`${page}:${open.line}: the block is not closed`);
  return blocks;
}

/** The page without its fenced blocks, line by line. */
export function proseOf(page: string): readonly string[] {
  let inside = false;
  return readProjectFile(page)
    .split("\n")
    .map((line) => {
      const fence = line.startsWith("```");
      if (fence) inside = !inside;
      return inside || fence ? "" : line;
    });
}

/** Code spans of some text. */
export function codeSpans(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
}

/** The lines under a heading, down to the next one of the same or a higher level. */
export function sectionOf(page: string, heading: string): readonly string[] {
  const lines = proseOf(page);
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  if (start < 0) throw new Error(`${page} has no heading ${heading}`);
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 0;
  const end = lines.findIndex((line, index) => index > start && (/^#+(?= )/.exec(line)?.[0].length ?? 99) <= level);
  return lines.slice(start + 1, end < 0 ? lines.length : end);
}

/** Cells of each row of the table whose first heading is `first`. */
export function tableOf(lines: readonly string[], first: string): readonly (readonly string[])[] {
  const start = lines.findIndex((line, index) => cellsOf(line)[0] === first && lines[index + 1]?.startsWith("|---"));
  if (start < 0) throw new Error(`no table begins with ${first}`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end < 0 ? rest.length : end).map(cellsOf);
}

function cellsOf(line: string): readonly string[] {
  return line.startsWith("|")
    ? line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
    : [];
}
