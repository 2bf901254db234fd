import { isSecretName } from "./secret-name.ts";

/** What stands in the journal in place of a secret. */
export const redacted = "[redacted]";

/** From one index to before another. */
type Span = readonly [from: number, to: number];

/** Tokens that say what they are. Each class is greedy and single, so a search is linear. */
const knownToken =
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|AIza|npm_|pypi-|sbx_|eyJ[\w-]{8}|sk-[\w-]{8})[\w.-]{12,}/g;

const keyMark = "PRIVATE KEY-----";

const flagWord = /(?<![^\s"'`=])--?[A-Za-z][\w.-]{0,63}(?=\s)/g;

/**
 * The same text with what looks secret hidden: values of `NAME=VALUE`, `--name value`, `name: value` and JSON members whose
 * name looks secret, passwords in URLs, well-known token forms, private keys. A secret without any of these marks stays.
 */
export function redactText(text: string): string {
  const spans: Span[] = [];
  // Nearly every string is plain: a quick look each keeps the rest out of the way.
  if (text.includes(":") || text.includes("=")) spans.push(...urlCredentials(text), ...namedValues(text));
  if (text.includes("-")) spans.push(...flagValues(text));
  if (text.length >= 16 && text.search(knownToken) !== -1) spans.push(...knownTokens(text));
  if (text.length >= 16 && text.includes(keyMark)) spans.push(privateKey(text));
  if (spans.length === 0) return text;
  spans.sort((one, other) => one[0] - other[0]);
  let result = "";
  let done = 0;
  for (const [from, to] of spans) {
    if (from >= done) result += text.slice(done, from) + redacted;
    done = Math.max(done, to);
  }
  return result + text.slice(done);
}

/** A command line: as `redactText`, and an argument whose flag before it names a secret is hidden whole. */
export function redactArgv(argv: readonly string[]): readonly string[] {
  return argv.map((argument, index) => {
    const flag = index === 0 ? "" : (argv[index - 1] ?? "");
    if (flag.startsWith("-") && !flag.includes("=")) {
      if (isSecretName(flag)) return redacted;
      if (flag === "-u" || flag.endsWith("-user")) return hidePassword(argument);
    }
    return redactText(argument);
  });
}

/** `name:password` as curl takes it; numeric ids (`1000:1000`) are no password. */
function hidePassword(argument: string): string {
  const colon = argument.indexOf(":");
  if (colon === -1 || /^:\d+$/.test(argument.slice(colon))) return redactText(argument);
  return `${argument.slice(0, colon)}:${redacted}`;
}

function* urlCredentials(text: string): Iterable<Span> {
  for (let mark = text.indexOf("://"); mark !== -1; mark = text.indexOf("://", mark + 3)) {
    const from = mark + 3;
    const authority = text.slice(from, endOfRun(text, from, "/?#\\ \t\r\n\"'`<>"));
    const at = authority.lastIndexOf("@");
    if (at === -1) continue;
    const colon = authority.indexOf(":");
    if (colon !== -1 && colon < at) yield [from + colon + 1, from + at];
    // A lone user name of a web address is nearly always a token; that of ssh or git is a name.
    else if (/https?$/i.test(text.slice(Math.max(0, mark - 5), mark))) yield [from, from + at];
  }
}

function* namedValues(text: string): Iterable<Span> {
  for (let index = 0; index < text.length; index += 1) {
    const sign = text.charAt(index);
    if (sign !== "=" && sign !== ":") continue;
    let end = index;
    while (end > 0 && /[\s"']/.test(text.charAt(end - 1)) && index - end < 3) end -= 1;
    let from = end;
    while (from > 0 && end - from < 128 && /[\w.-]/.test(text.charAt(from - 1))) from -= 1;
    const name = text.slice(from, end);
    if (name === "" || !isSecretName(name, sign)) continue;
    const span = sign === "=" ? assigned(text, index + 1) : written(text, index + 1, text.charAt(from - 1));
    if (span[1] > span[0]) yield span;
    index = Math.max(index, span[1] - 1);
  }
}

function assigned(text: string, from: number): Span {
  const quote = text.charAt(from);
  if (quote === '"' || quote === "'") return [from + 1, closing(text, from + 1, quote)];
  return [from, endOfRun(text, from, " \t\r\n&;\"'`")];
}

/** After a colon: a quoted string, else what is left of the line or of the quotes that hold the whole (`-H "Authorization: …"`). */
function written(text: string, after: number, before: string): Span {
  const from = after + (text.slice(after, after + 8).match(/^[ \t]*/)?.[0].length ?? 0);
  const quote = text.charAt(from);
  if (quote === '"' || quote === "'") return [from + 1, closing(text, from + 1, quote)];
  return [from, endOfRun(text, from, before === '"' || before === "'" ? `\r\n,}${before}` : "\r\n\"'")];
}

function* flagValues(text: string): Iterable<Span> {
  for (const match of text.matchAll(flagWord)) {
    if (!isSecretName(match[0])) continue;
    let from = match.index + match[0].length;
    while (/\s/.test(text.charAt(from))) from += 1;
    const quote = text.charAt(from);
    if (quote === '"' || quote === "'") yield [from + 1, closing(text, from + 1, quote)];
    else if (from < text.length) yield [from, endOfRun(text, from, " \t\r\n;\"'`")];
  }
}

function* knownTokens(text: string): Iterable<Span> {
  for (const match of text.matchAll(knownToken)) yield [match.index, match.index + match[0].length];
}

function privateKey(text: string): Span {
  const from = text.indexOf(keyMark) + keyMark.length;
  const end = text.lastIndexOf("-----END");
  return [from, end > from ? end : text.length];
}

function endOfRun(text: string, from: number, stops: string): number {
  let index = from;
  while (index < text.length && !stops.includes(text.charAt(index))) index += 1;
  return index;
}

function closing(text: string, from: number, quote: string): number {
  let index = from;
  while (index < text.length && text.charAt(index) !== quote) index += text.charAt(index) === "\\" ? 2 : 1;
  return Math.min(index, text.length);
}
