/** The guard keeps the first 32 KiB and the last 64 KiB; whoever hands in more is read no further than this. */
const most = 128 * 1024;

/** Longer lines are read at both ends: tools put the phrase before or behind what they print. */
const longest = 4096;

/** At most this many lines with something to say are looked into, half from the start and half from the end. */
export const mostLines = 400;

/**
 * What a program wrote to its standard error, as lines without terminal sequences. A carriage return ends a line too:
 * progress bars are written over.
 */
export function readableLines(text: string | Uint8Array): readonly string[] {
  const whole = typeof text === "string" ? text : Buffer.from(text).toString("utf8");
  const kept = whole.length <= most ? whole : `${whole.slice(0, most / 4)}\n${whole.slice(-(most / 4) * 3)}`;
  const lines: string[] = [];
  for (const line of withoutSequences(kept).split(/[\r\n]/)) {
    if (line.trim() === "") continue;
    if (line.length <= longest) lines.push(line);
    else lines.push(line.slice(0, longest / 2), line.slice(-longest / 2));
  }
  return lines;
}

/** One pass; a sequence that never ends is dropped up to the next escape or line. */
function withoutSequences(text: string): string {
  if (next(text, 0) === -1) return text;
  let result = "";
  let from = 0;
  for (let index = next(text, 0); index !== -1; index = next(text, from)) {
    result += text.slice(from, index);
    from = endOfSequence(text, index);
  }
  return result + text.slice(from);
}

function next(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0x1b || code === 0x9b) return index;
  }
  return -1;
}

function endOfSequence(text: string, start: number): number {
  const control = text.charCodeAt(start) === 0x9b ? "[" : text.charAt(start + 1);
  let index = start + (text.charCodeAt(start) === 0x9b ? 1 : 2);
  if (control === "[") {
    while (text.charCodeAt(index) >= 0x20 && text.charCodeAt(index) <= 0x3f) index += 1;
    return stops(text.charCodeAt(index)) ? index : index + 1;
  }
  if (!"]P^_X".includes(control) || control === "") return Math.min(index, text.length);
  while (!stops(text.charCodeAt(index)) && text.charCodeAt(index) !== 0x07) index += 1;
  // The string's end is BEL or ESC \.
  if (text.charCodeAt(index) === 0x07) return index + 1;
  return text.startsWith("\u001b\\", index) ? index + 2 : index;
}

function stops(code: number): boolean {
  return Number.isNaN(code) || code === 0x1b || code === 0x0a || code === 0x0d;
}
