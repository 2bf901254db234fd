/** Nearly every text, which cannot deceive: the larger expression below takes V8 a millisecond to read. */
const plain = /^[\x20-\x5b\x5d-\x7e]*$/;

/** What an escape of ours looks like; text that already holds one must not be taken for the real thing. */
const resemblesEscape = /\\[\\nrtxu]/;

/**
 * Text from outside (paths, host names, file contents, program output) as it may be shown to a person: one line,
 * nothing a terminal obeys, nothing that reads differently from what it is. Escapes are JavaScript's; backslashes
 * are doubled whenever the text has an escape or looks like one, so that two texts never look the same.
 */
export function escapeText(text: string): string {
  if (plain.test(text)) return text;
  // Control characters, line separators, lone surrogates, and what is invisible or changes the direction of reading.
  const deceptive = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
  if (text.search(deceptive) === -1 && !resemblesEscape.test(text)) return text;
  return text.replaceAll("\\", "\\\\").replace(deceptive, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code === 0x0a) return "\\n";
    if (code === 0x0d) return "\\r";
    if (code === 0x09) return "\\t";
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
