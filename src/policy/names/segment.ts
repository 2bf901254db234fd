import { SandboxedError } from "../words/error.ts";

/** A character of the pattern, `?`, a class, or a star. */
type Piece =
  | { readonly kind: "one"; readonly character: string }
  | { readonly kind: "any" }
  | { readonly kind: "many" }
  | { readonly kind: "class"; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** Matches one path component. */
type SegmentMatcher = (name: string) => boolean;

/** One name of a pattern, as literal text or as something to match with. */
export type Segment = { readonly literal: string } | { readonly matches: SegmentMatcher };

/** `segment` holds no slash. Errors: `policy_invalid` for an open bracket or a trailing backslash. */
export function parseSegment(segment: string): Segment {
  const pieces: Piece[] = [];
  const characters = Array.from(segment);
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? "";
    if (character === "*") {
      if (pieces.at(-1)?.kind !== "many") pieces.push({ kind: "many" });
    } else if (character === "?") pieces.push({ kind: "any" });
    else if (character === "[") {
      const end = endOfClass(characters, at);
      pieces.push(readClass(characters.slice(at + 1, end), segment));
      at = end;
    } else if (character === "\\") {
      at++;
      const escaped = characters[at];
      if (escaped === undefined) throw invalid(segment, "ends in a backslash");
      pieces.push({ kind: "one", character: escaped });
    } else pieces.push({ kind: "one", character });
  }
  if (pieces.every((piece) => piece.kind === "one")) return { literal: pieces.map((p) => p.character).join("") };
  return { matches: (name) => matchPieces(pieces, Array.from(name)) };
}

/** Index of the closing bracket. One directly after `[`, `[!` or `[^` is an ordinary member. */
function endOfClass(characters: readonly string[], open: number): number {
  let at = open + 1;
  if (characters[at] === "!" || characters[at] === "^") at++;
  if (characters[at] === "]") at++;
  for (; at < characters.length; at++) {
    if (characters[at] === "\\") at++;
    else if (characters[at] === "]") return at;
  }
  throw invalid(characters.join(""), "has an opening bracket without its closing one");
}

function readClass(inside: readonly string[], segment: string): Piece {
  const negated = inside[0] === "!" || inside[0] === "^";
  const members: { character: string; escaped: boolean }[] = [];
  for (let at = negated ? 1 : 0; at < inside.length; at++) {
    const escaped = inside[at] === "\\";
    if (escaped) at++;
    members.push({ character: inside[at] ?? "", escaped });
  }
  const ranges: [number, number][] = [];
  for (let at = 0; at < members.length; at++) {
    const first = codePoint(members[at]?.character);
    const dash = members[at + 1];
    const last = members[at + 2];
    if (dash?.character === "-" && !dash.escaped && last !== undefined) {
      if (codePoint(last.character) < first) throw invalid(segment, "has a range that runs backwards");
      ranges.push([first, codePoint(last.character)]);
      at += 2;
    } else {
      if (members[at]?.character === "[" && dash?.character === ":") {
        throw invalid(segment, "uses a named class such as [:alpha:], which is not supported");
      }
      ranges.push([first, first]);
    }
  }
  return { kind: "class", negated, ranges };
}

/** Greedy with one step back to the last star: never more than pattern length times name length. */
function matchPieces(pieces: readonly Piece[], name: readonly string[]): boolean {
  let piece = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    const current = pieces[piece];
    if (current?.kind === "many") {
      star = piece++;
      resume = at;
    } else if (current !== undefined && takes(current, name[at] ?? "")) {
      piece++;
      at++;
    } else if (star >= 0) {
      piece = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pieces[piece]?.kind === "many") piece++;
  return piece === pieces.length;
}

function takes(piece: Piece, character: string): boolean {
  if (piece.kind === "one") return piece.character === character;
  if (piece.kind !== "class") return true;
  const code = codePoint(character);
  return piece.ranges.some(([first, last]) => code >= first && code <= last) !== piece.negated;
}

function codePoint(character: string | undefined): number {
  return character?.codePointAt(0) ?? 0;
}

function invalid(segment: string, what: string): SandboxedError {
  return new SandboxedError("policy_invalid", `the pattern ${JSON.stringify(segment)} ${what}`, {
    hint: "put a backslash before *, ?, [, { and \\ to mean the character itself",
  });
}
