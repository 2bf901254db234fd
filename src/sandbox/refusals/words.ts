/** Something in a line that was written between quotes, or as one word. */
export interface Word {
  readonly text: string;
  readonly from: number;
  /** Behind the closing quote. */
  readonly to: number;
  readonly quoted: boolean;
}

const closers: ReadonlyMap<string, string> = new Map([
  ["'", "'"],
  ['"', '"'],
  ["`", "`'"],
  ["‘", "’"],
  ["“", "”"],
  ["«", "»"],
]);

/** Quoted parts of a line, in order. An apostrophe inside a word (`can't`) opens nothing. */
export function quotedWords(line: string): readonly Word[] {
  const words: Word[] = [];
  /** Closing quotes that the rest of the line has none of. */
  const absent = new Set<string>();
  for (let index = 0; index < line.length && words.length < 16; index += 1) {
    const close = closers.get(line.charAt(index));
    if (close === undefined || absent.has(close) || /[\p{L}\p{N}]/u.test(line.charAt(index - 1))) continue;
    const end = closing(line, index + 1, close);
    if (end === -1) {
      absent.add(close);
      continue;
    }
    words.push({ text: unescaped(line.slice(index + 1, end)), from: index, to: end + 1, quoted: true });
    index = end;
  }
  return words;
}

function closing(line: string, from: number, close: string): number {
  for (let index = from; index < line.length; index += 1) {
    const character = line.charAt(index);
    if (character === "\\") index += 1;
    // `it's` inside of quotes goes on; Node prints names raw.
    else if (close.includes(character) && !/[\p{L}\p{N}]/u.test(line.charAt(index + 1))) return index;
  }
  return -1;
}

/** `\'`, `\\`, `\x1b`, `\303\251` as Python, the shells and git write them. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  const bytes: string[] = [];
  const replaced = text.replace(
    /\\(?:x([0-9a-f]{2})|([0-3][0-7]{2})|([nrt'"\\]))/gi,
    (_, hex?: string, octal?: string, plain?: string) => {
      if (plain !== undefined)
        return (
          new Map([
            ["n", "\n"],
            ["r", "\r"],
            ["t", "\t"],
          ]).get(plain) ?? plain
        );
      bytes.push(hex ?? "");
      return String.fromCharCode(hex === undefined ? Number.parseInt(octal ?? "", 8) : Number.parseInt(hex, 16));
    },
  );
  // Escaped bytes above ASCII are UTF-8, one by one.
  const isBytes = bytes.length > 0 && Buffer.from(replaced, "latin1").toString("latin1") === replaced;
  return isBytes ? Buffer.from(replaced, "latin1").toString("utf8") : replaced;
}

/** Words that look like paths: with a slash inside or at their start, or `~/`. URLs are none. */
export function pathWords(line: string): readonly string[] {
  const found: string[] = [];
  for (const raw of line.split(/[\s"'`‘’“”«»(),;<>[\]{}|=]+/)) {
    const word = trimWord(raw);
    if (word.length > 1 && word.includes("/") && !word.includes("://")) found.push(word);
    if (found.length === 8) break;
  }
  return found;
}

/** Without the punctuation that a sentence puts around a word; `..` and `dir/.` keep their dots. */
export function trimWord(word: string): string {
  let end = trimEnd(word, ".,:;)").length;
  if (end === 0 || word.charAt(end - 1) === "/")
    end += word.startsWith("..", end) ? 2 : word.startsWith(".", end) ? 1 : 0;
  let from = 0;
  while (from < end && word.charAt(from) === "(") from += 1;
  return word.slice(from, end);
}

/** Without any of the characters at the end. A pattern with `+$` would try every start of a long run. */
export function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
