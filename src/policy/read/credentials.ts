import { inBlock, parseBlock } from "../names/address.ts";
import { refuseTwins } from "../decide/credentials.ts";
import { SandboxedError } from "../words/error.ts";
import { parseDomainPattern } from "../names/host.ts";
import { checkMethod, compilePath } from "../names/http-path.ts";
import type { CredentialRule, CredentialSource } from "../model/model.ts";
import { at, locating } from "../words/place.ts";
import type { PlaceOf } from "../words/place.ts";
import type { RawProfile } from "./schema.ts";

type RawCredentials = NonNullable<NonNullable<RawProfile["network"]>["credentials"]>;

/** Checks the tables `credentials.NAME` of a network table. Errors: `policy_invalid`. */
export function readCredentials(raw: RawCredentials, place: PlaceOf): readonly CredentialRule[] {
  const rules = Object.entries(raw).map(([name, { host, methods = null, paths = null, header, from }]) => {
    const provenance = place(name);
    if (provenance.layer === "project" || provenance.layer === "trusted") {
      throw new SandboxedError(
        "policy_invalid",
        `${at(provenance)}a project cannot send credentials of yours anywhere`,
        {
          hint: "put the credential into your own configuration",
        },
      );
    }
    locating(provenance, () => checkName(name));
    locating(place(name, "methods"), () => methods?.forEach(checkMethod));
    locating(place(name, "paths"), () => paths?.forEach(compilePath));
    return {
      name,
      ...locating(place(name, "host"), () => readHost(host)),
      methods,
      paths,
      ...locating(place(name, "header"), () => readHeader(header)),
      from: locating(place(name, "from"), () => readSource(from)),
      provenance,
    };
  });
  refuseTwins(rules);
  return rules;
}

/** Variables that decide which code runs, or without which nothing does. */
const notForSecrets = /^(?:LD_.*|DYLD_.*|PATH|HOME|SHELL|TMPDIR|NODE_OPTIONS|PYTHONPATH|BASH_ENV|ENV|SANDBOXED.*)$/;

function checkName(name: string): void {
  if (/^[A-Za-z][A-Za-z0-9_]*$/.test(name) && !notForSecrets.test(name)) return;
  throw invalid(
    `${JSON.stringify(name)} is not the name of a variable for a credential`,
    "write a name like API_TOKEN",
  );
}

/** One host, so that what a wildcard covers later gets nothing: `api.example.com`, with `:port` when it is not 443. */
function readHost(text: string): Pick<CredentialRule, "host" | "port" | "isSecure"> {
  const [, scheme = "https", host = ""] = /^(?:(https?):\/\/)?(.*)$/s.exec(text) ?? [];
  const isSecure = scheme === "https";
  const { what, port } = parseDomainPattern(host);
  if (what.kind === "block" ? what.block.bits !== 128 : what.kind !== "exact") {
    throw invalid(`${JSON.stringify(text)} is more than one host`, "a credential is for one host: api.example.com");
  }
  const isLoopback =
    what.kind === "block"
      ? loopback.some((block) => inBlock(what.block.first, block))
      : what.name === "localhost" || what.name.endsWith(".localhost");
  if ((!isSecure || port === 80) && !isLoopback) {
    throw invalid(`${JSON.stringify(text)} would send the credential unencrypted`, "only TLS hides it on its way");
  }
  return {
    host: host.replace(/:\d+$/, (written) => (port === null ? written : "")),
    port: port ?? (isSecure ? 443 : 80),
    isSecure,
  };
}

const loopback = ["127.0.0.0/8", "::1"].flatMap((text) => parseBlock(text) ?? []);

/** Framing, routing, and what belongs to one connection. */
const notForValues =
  /^(?:host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|http2-settings|proxy-.*|sec-websocket-.*)$/i;

/**
 * `Name`, or `Name: value` in which `{}` stands for the credential, and `{basic:USER}` for user and credential as
 * `Basic` wants them.
 */
function readHeader(text: string): Pick<CredentialRule, "header" | "before" | "after" | "basicUser"> {
  const [, header, value = "{}"] = /^([A-Za-z0-9-]+)(?:: ?(.+))?$/s.exec(text) ?? [];
  if (header === undefined || notForValues.test(header)) {
    throw invalid(`${JSON.stringify(text)} names no header for a credential`, 'write "Authorization: Bearer {}"');
  }
  // Without a colon: it ends the user's name in what is sent.
  const [before = "", user, after, ...more] = value.split(/\{(|basic:[^{}:]*)\}/);
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
  if (user === undefined || after === undefined || more.length > 0 || !isPlain) {
    throw invalid(
      `${JSON.stringify(text)} does not say where in the header the credential stands`,
      'write {} once in plain text: "Authorization: Bearer {}", or "Authorization: Basic {basic:USER}"',
    );
  }
  return { header, before, after, basicUser: user === "" ? null : user.slice("basic:".length) };
}

function readSource(text: string): CredentialSource {
  const [, kind, rest = ""] = /^(env|file|keyring):(.+)$/s.exec(text) ?? [];
  if (kind === "env" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return { kind, name: rest };
  if (kind === "file" && /^(?:~\/|\/)[^\0]*$/.test(rest)) return { kind, path: rest };
  const [service = "", account = "", ...more] = rest.split("/");
  if (kind === "keyring" && service !== "" && account !== "" && more.length === 0) return { kind, service, account };
  // The text itself is not repeated: whoever misreads this key writes the secret there.
  throw invalid(
    "from does not say where the credential is",
    'write "env:NAME", "file:/path" or "keyring:service/account"',
  );
}

function invalid(message: string, hint: string): SandboxedError {
  return new SandboxedError("policy_invalid", message, { hint });
}
