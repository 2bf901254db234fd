import { environment as lists } from "../../../generated/data.ts";
import { isWithin, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "./disk.ts";

const LARGEST_BUNDLE = 4 * 1024 * 1024;

/**
 * Bundles of certificates that the caller's variables name outside the platform. A variable must not be a way to show
 * any file: a bundle holds certificates and no private key.
 */
export function certificateFiles(
  environment: ReadonlyMap<string, string>,
  platform: readonly AbsolutePath[],
  disk: Disk,
): readonly AbsolutePath[] {
  const found = new Set<AbsolutePath>();
  for (const name of lists.certificates) {
    const value = environment.get(name);
    const path = value === undefined ? null : normalise(value);
    const real = path === null ? null : disk.canonical(path);
    if (real === null || found.has(real) || platform.some((root) => isWithin(real, root))) continue;
    if (holdsCertificatesOnly(disk.text(real, LARGEST_BUNDLE))) found.add(real);
  }
  return [...found];
}

function holdsCertificatesOnly(text: string | null): boolean {
  if (text === null || text.includes("PRIVATE KEY")) return false;
  return /^-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----\r?$/m.test(text);
}
