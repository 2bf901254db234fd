import { utcText } from "../policy/index.ts";
import { randomBytes } from "./digest.ts";

/** Without `i`, `l`, `o` and `u`: an id read aloud stays itself. In ASCII order. */
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

const shape = /^\d{8}-\d{6}-[0-9a-hjkmnp-tv-z]{16}$/;

/** `20261121-153000-` (UTC), the millisecond in two letters and 70 random bits: sorts by time, cannot be guessed. */
export function newSessionId(now = Date.now()): string {
  const [day = "", clock = ""] = utcText(now).split("T");
  const millisecond = now % 1000;
  let random = alphabet.charAt(millisecond >> 5) + alphabet.charAt(millisecond & 31);
  let bits = 0;
  let held = 0;
  for (const byte of randomBytes(10)) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5 && random.length < 16) {
      bits -= 5;
      random += alphabet.charAt((held >> bits) & 31);
    }
    held &= 31;
  }
  return `${day.replaceAll("-", "")}-${clock.slice(0, 8).replaceAll(":", "")}-${random}`;
}

/** A name that `newSessionId` could have made; anything else in the folder is not a session. */
export function isSessionId(name: string): boolean {
  return shape.test(name);
}

/** The time in an id, ISO 8601. */
export function sessionTime(id: string): string {
  const part = (from: number, to: number): string => id.slice(from, to);
  return `${part(0, 4)}-${part(4, 6)}-${part(6, 8)}T${part(9, 11)}:${part(11, 13)}:${part(13, 15)}Z`;
}
