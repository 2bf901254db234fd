import { escapeText } from "../policy/index.ts";

/** Words as they may be typed into a shell; what cannot be shown as it is goes into `$'…'`. */
export function showWords(words: readonly string[]): string {
  return words.map(showWord).join(" ");
}

function showWord(word: string): string {
  if (/^[\w@%+=:,./~-]+$/.test(word)) return word;
  const escaped = escapeText(word);
  return escaped === word
    ? `'${word.replaceAll("'", `'\\''`)}'`
    : `$'${escaped.replaceAll("'", "\\'").replace(/\\u\{([0-9a-f]+)\}/g, (_, code: string) => `\\U${code.padStart(8, "0")}`)}'`;
}
