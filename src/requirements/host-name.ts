/** Whether one of the patterns is the whole name; `*` stands for any text, `?` for one character, case does not count. */
export function matchesHost(patterns: readonly string[], hostname: string): boolean {
  return patterns.some((pattern) => matches(pattern.toLowerCase(), hostname.toLowerCase()));
}

/** Steps back to the last star alone, so that it takes at most the product of the lengths. */
function matches(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resumed = 0;
  for (let index = 0; index < name.length;) {
    const wanted = pattern[at];
    if (wanted === "*") {
      star = at++;
      resumed = index;
    } else if (wanted === "?" || wanted === name[index]) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resumed;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
