import { isAbsolute } from "node:path";
import { locating, parseDuration, SandboxedError } from "../../policy/index.ts";
import { readSource, renaming } from "../source.ts";
import type { SourceText } from "../source.ts";
import type { ReadFile } from "../read.ts";
import type { BundleSource } from "./verify.ts";

const hour = 3_600_000;

/**
 * Where the system's file says that more requirements come from; null when it does not. `leastSerials`: by address,
 * below which bundles do not count, whatever `min_serial` says. Errors: `requirements_schema`.
 */
export async function bundleSourceOf(
  system: SourceText,
  read: ReadFile,
  leastSerials: ReadonlyMap<string, number>,
): Promise<BundleSource | null> {
  const source = await readSource(system, null);
  const raw = source.get("requirements_source");
  if (raw === undefined) return null;
  const { readPublicKey } = await import("./signature.ts");
  const place = source.place("requirements_source");
  return renaming(() =>
    locating(place, () => {
      readPublicKey(raw.public_key);
      const { url, public_key: publicKey, audience = null, refresh, ca_file: file } = raw;
      return {
        url,
        publicKey,
        audience,
        refresh: refresh === undefined ? hour : parseDuration(refresh),
        authorities: file === undefined ? null : readAuthorities(file, read),
        minSerial: Math.max(source.get("min_serial") ?? 0, leastSerials.get(url) ?? 0),
      };
    }),
  );
}

function readAuthorities(file: string, read: ReadFile): string {
  const text = isAbsolute(file) ? read(file, "administrator") : null;
  if (text !== null) return text;
  throw new SandboxedError("policy_invalid", `there is no file ${JSON.stringify(file)}`, {
    hint: "write the whole path of a PEM file",
  });
}
