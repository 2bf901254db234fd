import { readFileSync } from "node:fs";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";

/** Where systems keep the certificates they trust, in one file. */
const systemBundlePaths: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
  "/opt/homebrew/etc/ca-certificates/cert.pem",
];

/** More is no bundle. */
const largestBundle = 16 * 1024 * 1024;

/** The certificates in the first of the files that has any, else those that node brings along. PEM. */
export function systemCertificates(paths: readonly string[] = systemBundlePaths): readonly string[] {
  for (const path of paths) {
    const found = certificatesIn(path);
    if (found.length > 0) return found;
  }
  return rootCertificates;
}

/** What to verify servers against. Made once: reading the certificates takes longer than a handshake. */
export function trusting(certificates: readonly string[]): SecureContext {
  return createSecureContext({ ca: [...certificates], minVersion: "TLSv1.2" });
}

/** Only what stands between the marks: bundles carry comments, and some hold keys by mistake. */
function certificatesIn(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "latin1");
  } catch {
    // Not there, or not for us: the next one.
    return [];
  }
  if (text.length > largestBundle) return [];
  return text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? [];
}
