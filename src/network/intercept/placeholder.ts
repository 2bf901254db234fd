import { randomInt } from "node:crypto";

/** How well-known tokens begin: programs look at that, and it is no secret. */
const shapes =
  /^(?:github_pat_|gh[pousr]_|glpat-|npm_|pypi-|sk-ant-(?:api\d\d-)?|sk-proj-|sk-or-v1-|sk-|sk_live_|sk_test_|rk_live_|xox[abpr]-|hf_|AKIA|ASIA|AIza|dckr_pat_|SG\.)/;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Long enough that nobody has it by chance, short enough for every header. */
const shortest = 32;
const longest = 256;

/** Text that looks like the credential to a program that checks its form, and says nothing of it but kind and length. */
export function placeholderFor(credential: string): string {
  const start = shapes.exec(credential)?.[0] ?? "";
  const length = Math.min(longest, Math.max(shortest, credential.length));
  let text = start;
  while (text.length < length) text += alphabet[randomInt(alphabet.length)] ?? "";
  return text;
}
