/**
 * Control characters, and the invisible ones that reorder, hide or imitate text: C0, DEL, C1, soft hyphen, Arabic letter mark,
 * Hangul fillers, zero-width and directional characters, line and paragraph separators, byte order mark, interlinear and tag characters.
 */
const deceptive =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udfff]/gu;

/** What an escape of ours looks like; text that already holds one must not be taken for the real thing. */
const resemblesEscape = /\\[\\nrtxu]/;

/**
 * Text from outside (paths, host names, file contents, program output) as it may be shown to a person: one line,
 * nothing a terminal obeys, nothing that reads differently from what it is. Escapes are JavaScript's; backslashes
 * are doubled whenever the text has an escape or looks like one, so that two texts never look the same.
 */
export function escapeText(text: string): string {
  if (text.search(deceptive) === -1 && !resemblesEscape.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replace(deceptive, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0x0a) return "\\n";
    if (code === 0x0d) return "\\r";
    if (code === 0x09) return "\\t";
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
