import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

/** A certificate with its key, both PEM. The certificate is followed by its issuer's. */
interface KeyedCertificate {
  readonly key: string;
  readonly cert: string;
}

/** Whoever trusts `cert` believes the certificates issued here. The key never leaves this object. */
export interface CertificateAuthority {
  /** PEM. */
  readonly cert: string;
  /** For a canonical host name or an address. */
  issue(host: string): KeyedCertificate;
}

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
  readonly isAuthority: boolean;
  /** Null for the authority itself. */
  readonly host: string | null;
}

const ecdsaWithSha256 = "1.2.840.10045.4.3.2";
const commonName = "2.5.4.3";

/**
 * Makes an authority with a key of its own, good for `hours` from now. The certificates it issues share one other key
 * and end with it. The library that writes certificates is loaded here and by nobody else.
 */
export async function makeAuthority(hours: number): Promise<CertificateAuthority> {
  const [asn1, x509] = await Promise.all([import("@peculiar/asn1-schema"), import("@peculiar/asn1-x509")]);
  const authorityKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const serverKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  // Clocks inside and outside are the same; a minute covers whoever rounds.
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + hours * 3_600_000);

  const extension = (extnID: string, critical: boolean, content: unknown): InstanceType<typeof x509.Extension> =>
    new x509.Extension({
      extnID,
      critical,
      extnValue: new asn1.OctetString(asn1.AsnConvert.serialize(content)),
    });
  const nameOf = (text: string): InstanceType<typeof x509.Name> => {
    const value = new x509.AttributeValue({ utf8String: text });
    return new x509.Name([
      new x509.RelativeDistinguishedName([new x509.AttributeTypeAndValue({ type: commonName, value })]),
    ]);
  };
  const identifierOf = (key: KeyObject): ArrayBuffer => {
    const digest = createHash("sha256")
      .update(key.export({ type: "spki", format: "der" }))
      .digest();
    return bytesOf(digest.subarray(0, 20));
  };
  // Names that tell runs apart: clients that have seen another run's authority look for theirs by name.
  const issuer = `sandboxed-run, one run alone, ${randomBytes(8).toString("hex")}`;

  const certify = ({ name, publicKey, isAuthority, host }: Subject): string => {
    const usage = isAuthority
      ? x509.KeyUsageFlags.keyCertSign + x509.KeyUsageFlags.cRLSign
      : x509.KeyUsageFlags.digitalSignature;
    const constraints = isAuthority ? { cA: true, pathLenConstraint: 0 } : { cA: false };
    const algorithm = new x509.AlgorithmIdentifier({ algorithm: ecdsaWithSha256 });
    const tbsCertificate = new x509.TBSCertificate({
      version: x509.Version.v3,
      serialNumber: serialNumber(),
      signature: algorithm,
      issuer: nameOf(issuer),
      validity: new x509.Validity({ notBefore, notAfter }),
      subject: nameOf(name),
      subjectPublicKeyInfo: asn1.AsnConvert.parse(
        publicKey.export({ type: "spki", format: "der" }),
        x509.SubjectPublicKeyInfo,
      ),
      extensions: new x509.Extensions([
        extension(x509.id_ce_basicConstraints, true, new x509.BasicConstraints(constraints)),
        extension(x509.id_ce_keyUsage, true, new x509.KeyUsage(usage)),
        extension(x509.id_ce_subjectKeyIdentifier, false, new x509.SubjectKeyIdentifier(identifierOf(publicKey))),
        extension(
          x509.id_ce_authorityKeyIdentifier,
          false,
          new x509.AuthorityKeyIdentifier({
            keyIdentifier: new x509.KeyIdentifier(identifierOf(authorityKeys.publicKey)),
          }),
        ),
        ...(host === null
          ? []
          : [
              extension(x509.id_ce_extKeyUsage, false, new x509.ExtendedKeyUsage([x509.id_kp_serverAuth])),
              extension(
                x509.id_ce_subjectAltName,
                false,
                new x509.SubjectAlternativeName([
                  new x509.GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }),
                ]),
              ),
            ]),
      ]),
    });
    const signed = Buffer.from(asn1.AsnConvert.serialize(tbsCertificate));
    const signatureValue = bytesOf(sign("sha256", signed, authorityKeys.privateKey));
    return pem(
      asn1.AsnConvert.serialize(
        new x509.Certificate({ tbsCertificate, signatureAlgorithm: algorithm, signatureValue }),
      ),
    );
  };

  const cert = certify({ name: issuer, publicKey: authorityKeys.publicKey, isAuthority: true, host: null });
  const key = serverKeys.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return {
    cert,
    issue(host) {
      // A common name holds 64 characters at most; clients read the alternative name alone.
      const name = host.length <= 64 ? host : "sandboxed-run";
      return { key, cert: certify({ name, publicKey: serverKeys.publicKey, isAuthority: false, host }) + cert };
    },
  };
}

/** 128 bits, positive and never with a leading zero (RFC 5280, section 4.1.2.2). */
function serialNumber(): ArrayBuffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytesOf(bytes);
}

/** The library wants a buffer that holds these bytes and no others. */
function bytesOf(buffer: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(buffer.length);
  new Uint8Array(copy).set(buffer);
  return copy;
}

function pem(der: ArrayBuffer): string {
  const lines = Buffer.from(der)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
