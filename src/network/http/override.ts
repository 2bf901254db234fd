import type { CredentialRule } from "../../policy/index.ts";
import type { Answer, Gate, Passage } from "../decide/gate.ts";

/** A method or a path that a header puts in the place of the request's own, for servers that heed it. */
export type Override =
  | { readonly kind: "method"; readonly method: string }
  | { readonly kind: "path"; readonly path: string };

/** A way to read a request. */
export interface Reading {
  readonly method: string;
  readonly path: string;
}

/** Of Rails, Symfony, ASP.NET, Google's interfaces; of IIS, Zend and Symfony. */
const methodHeaders = new Set(["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"]);
const pathHeaders = new Set(["x-original-url", "x-rewrite-url", "x-original-uri", "x-rewrite-uri", "x-override-url"]);

/** `name` in lower case. Many servers do not tell `_` from `-`. */
export function overrideOf(name: string, value: string): Override | null {
  if (!name.startsWith("x")) return null;
  const plain = name.includes("_") ? name.replaceAll("_", "-") : name;
  if (methodHeaders.has(plain)) return { kind: "method", method: value };
  return pathHeaders.has(plain) ? { kind: "path", path: value } : null;
}

/** Each is asked about; the methods and paths of one head, every one with every other, would be millions. */
const mostReadings = 64;

/**
 * All ways in which a server may read the request, the request as it stands last; null for more than anybody means. A
 * rule has to allow each: nobody here knows which server heeds what. `_method` counts in a query; what stands in a body
 * is not read.
 */
export function readingsOf(method: string, path: string, overrides: readonly Override[]): readonly Reading[] | null {
  const plain = { method, path };
  const inQuery = path.includes("?") && /_method|%/.test(path) ? methodsInQuery(path) : [];
  if (overrides.length === 0 && inQuery.length === 0) return [plain];
  const written = overrides.flatMap((each) => (each.kind === "method" ? each.method.split(",") : []));
  const methods = new Set([method, ...[...written, ...inQuery].map((each) => each.trim().toUpperCase())]);
  const paths = new Set([path, ...overrides.flatMap((each) => (each.kind === "path" ? [each.path.trim()] : []))]);
  if (methods.size * paths.size > mostReadings) return null;
  const all = [...paths].flatMap((at) => [...methods].map((by) => ({ method: by, path: at })));
  return [...all.slice(1), plain];
}

function methodsInQuery(path: string): readonly string[] {
  // Some servers divide a query at `;` as well.
  return new URLSearchParams(path.slice(path.indexOf("?")).replaceAll(";", "&")).getAll("_method");
}

/** `Override`s among headers, name and value in turn. */
export function overridesIn(headers: readonly string[]): readonly Override[] {
  return headers.flatMap((name, index) =>
    index % 2 === 0 ? (overrideOf(name.toLowerCase(), headers[index + 1] ?? "") ?? []) : [],
  );
}

/** Whether the gate lets a request pass in each of its readings; the refusal is that of the first that does not. */
export function permit(gate: Gate, passage: Passage, readings: readonly Reading[]): Answer<Passage> {
  for (const { method, path } of readings) {
    const permitted = gate.request(passage, method, path);
    if (!permitted.ok) return permitted;
  }
  return { ok: true, value: passage };
}

/** The credentials that go with the request in each of its readings. What answers TRACE would send them back. */
export function credentialsFor(
  gate: Gate,
  passage: Passage,
  readings: readonly Reading[],
  isSecure: boolean,
): readonly CredentialRule[] {
  if (readings.some(({ method }) => method === "TRACE")) return [];
  // The request as it stands is asked about last: it is the one that the gate remembers.
  const bound = readings.map(({ method, path }) => gate.credentials?.(passage, method, path, isSecure) ?? []);
  return (bound.at(-1) ?? []).filter((rule) => bound.every((rules) => rules.some(({ name }) => name === rule.name)));
}
