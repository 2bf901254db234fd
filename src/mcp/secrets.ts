import type { McpServer } from "../config/index.ts";

const HIDDEN = "*****";
/** Shorter values are in words that tell nothing. */
const SHORTEST = 8;

/** What a server is handed and nobody else is told: values of the variables and headers that its entry names. */
export function secretsOf({ transport }: McpServer, environment: ReadonlyMap<string, string>): readonly string[] {
  if (transport.kind === "stdio") return [...transport.env.values(), ...valuesOf(transport.envVars, environment)];
  const { bearerTokenVariable, variableHeaders, oauth } = transport;
  return valuesOf([bearerTokenVariable, oauth.clientSecretVariable, ...variableHeaders.values()], environment);
}

/** What a server says of why something failed may hold what it was sent. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter(({ length }) => length >= SHORTEST)
    .toSorted((one, other) => other.length - one.length)
    .reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), text);
}

function valuesOf(names: readonly (string | null)[], environment: ReadonlyMap<string, string>): readonly string[] {
  return names.flatMap((name) => (name === null ? [] : (environment.get(name) ?? [])));
}
