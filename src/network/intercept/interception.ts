import type { Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { credentialsOf } from "../../policy/index.ts";
import type { ResolvedPolicy } from "../../policy/index.ts";
import type { Target } from "../decide/gate.ts";
import type { Way } from "../upstream/way.ts";
import { makeAuthority, type CertificateAuthority } from "./certificates.ts";
import { secureWay } from "./secure-way.ts";
import type { Sources } from "./sources.ts";
import { terminate } from "./terminate.ts";
import { systemCertificates, trusting } from "./trust.ts";
import { Vault } from "./vault.ts";

export interface InterceptionOptions {
  readonly policy: Pick<ResolvedPolicy, "layers">;
  readonly sources: Sources;
  /** How long programs may trust the run's authority; a run that takes longer is no longer read. */
  readonly hours?: number;
  /** Files with the certificates that servers are verified against, the first that exists; the system's when absent. */
  readonly systemBundles?: readonly string[];
  /** Certificates that are trusted besides, PEM. */
  readonly moreTrust?: readonly string[];
}

/** How many hosts' certificates are kept: names below a wildcard have no end. */
const keptHosts = 256;

/** What a run needs for requests inside of TLS to be read, and for credentials to be put into them. */
export class Interception {
  readonly vault: Vault;
  readonly #authority: CertificateAuthority;
  readonly #trusted: readonly string[];
  readonly #systemBundles: readonly string[] | undefined;
  readonly #contexts = new Map<string, SecureContext>();
  #upstream: SecureContext | null = null;

  constructor(authority: CertificateAuthority, vault: Vault, { systemBundles, moreTrust = [] }: InterceptionOptions) {
    this.#authority = authority;
    this.vault = vault;
    this.#systemBundles = systemBundles;
    this.#trusted = moreTrust;
  }

  /** What programs are to trust, PEM: the certificates in the first of the files that has any, and the run's own. */
  caBundle(systemBundlePaths: readonly string[] | undefined = this.#systemBundles): string {
    return [...systemCertificates(systemBundlePaths), this.#authority.cert].map((cert) => `${cert.trim()}\n`).join("");
  }

  /** By variable, what the program finds in the place of its credentials. Goes over what it would inherit. */
  placeholders(): ReadonlyMap<string, string> {
    return this.vault.placeholders;
  }

  /** The environment with the placeholders in it, and without credentials under other names. */
  maskEnvironment(environment: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    const masked = [...environment].map(([name, value]): [string, string] => [name, this.vault.scrub(value)]);
    return new Map([...masked, ...this.vault.placeholders]);
  }

  /** Reads the credentials that another policy names, before it is put in force. Errors as `openInterception`. */
  async adopt(policy: Pick<ResolvedPolicy, "layers">): Promise<void> {
    await this.vault.add(credentialsOf(policy));
  }

  /** Ends a client's TLS here, as `host`, and hands on what is inside. `first` was read of it already. */
  accept(client: Socket, first: Buffer, host: string, time: number, serve: (secured: Socket) => void): void {
    terminate({ client, first, context: this.#contextFor(host), time, serve });
  }

  /** The way to the target, with TLS at its end. */
  wayTo(target: Target, way: Way, time: number): Way {
    this.#upstream ??= trusting([...systemCertificates(this.#systemBundles), ...this.#trusted]);
    return secureWay(way, target, this.#upstream, time);
  }

  #contextFor(host: string): SecureContext {
    const known = this.#contexts.get(host);
    if (known !== undefined) return known;
    const context = createSecureContext({ ...this.#authority.issue(host), minVersion: "TLSv1.2" });
    const [oldest] = this.#contexts.keys();
    if (this.#contexts.size >= keptHosts && oldest !== undefined) this.#contexts.delete(oldest);
    this.#contexts.set(host, context);
    return context;
  }
}

/**
 * Makes the authority of a run and reads its credentials. Errors: `policy_invalid` with the line of the credential that
 * cannot be read, `policy_unenforceable` without a keyring to read it from.
 */
export async function openInterception(options: InterceptionOptions): Promise<Interception> {
  const vault = new Vault(options.sources);
  await vault.add(credentialsOf(options.policy));
  return new Interception(await makeAuthority(options.hours ?? 24), vault, options);
}
