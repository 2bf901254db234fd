import { SandboxedError } from "../words/error.ts";
import { compileGlob } from "./glob.ts";

/** Longer ones are no request a rule was written for. */
const LONGEST_PATH = 8192;

/** Whether a path, split by `pathSegments`, is one the pattern means. */
export type PathMatcher = (segments: readonly string[]) => boolean;

/** Errors: `policy_invalid`. */
export function checkMethod(method: string): void {
  if (/^[A-Z]+(?:-[A-Z]+)*$/.test(method) && method !== "CONNECT") return;
  throw new SandboxedError("policy_invalid", `${JSON.stringify(method)} is not a method of requests`, {
    hint: 'methods are written in capitals: "GET", "POST"',
  });
}

/**
 * `/api/v1-*` or `/api/**`: `*` stands for any text within a segment, `**` for any number of segments. A slash at the
 * end means nothing, neither here nor in a request. Errors: `policy_invalid`.
 */
export function compilePath(pattern: string): PathMatcher {
  const isPlain =
    pattern.startsWith("/") &&
    !/[\0-\x20\x7f?#%;\\[\]{}]|\/\//.test(pattern) &&
    !pattern.split("/").some((segment) => segment === "." || segment === "..");
  if (!isPlain) {
    throw new SandboxedError("policy_invalid", `${JSON.stringify(pattern)} is not a pattern of paths`, {
      hint: "write /repos/*/issues or /api/**, decoded, without a query, ;, empty segments, . and ..",
    });
  }
  // A name in front, so that the root has one segment as well.
  const glob = compileGlob(`/-${pattern}`);
  return (segments) => glob.matchDepth(["-", ...segments]) === segments.length + 1;
}

/**
 * The segments of a request's path, decoded once. Null for each spelling that two servers may read differently:
 * dot segments however written, encoded slashes, backslashes, control characters, empty segments, parameters of
 * empty or dot segments, and what would decode a second time.
 */
export function pathSegments(target: string): readonly string[] | null {
  const raw = target.split("?", 1)[0] ?? "";
  if (raw.length > LONGEST_PATH || !/^\/[\x21-\x7e]*$/.test(raw) || /[#\\]/.test(raw)) return null;
  if (/%(?![0-9a-f]{2})|%(?:[01][0-9a-f]|20|2f|5c|7f)/i.test(raw)) return null;
  const decoded = decode(raw);
  // Decoded bytes of other encodings may hide what a lenient reader takes for a dot or a slash.
  if (decoded === null || /%[0-9a-f]{2}|%u[0-9a-f]{4}|[\u{80}-\u{9f}]|\p{Cf}/iu.test(decoded)) return null;
  if (/[^\0-\x7f]/.test(decoded) && /[./\\]/.test(foreignAsAscii(decoded))) return null;
  const segments = decoded.slice(1).split("/");
  if (segments.at(-1) === "") segments.pop();
  return segments.some((segment) => /^\.{0,2}$/.test(segment.split(";", 1)[0] ?? "")) ? null : segments;
}

function decode(raw: string): string | null {
  try {
    return decodeURIComponent(raw);
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** What characters outside ASCII become for a reader that folds compatible forms: the full stop of full width, say. */
function foreignAsAscii(text: string): string {
  return text.replace(/[\0-\x7f]/g, "").normalize("NFKC");
}
