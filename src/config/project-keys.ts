import { SandboxedError } from "../policy/index.ts";
import { showPath, where } from "./document.ts";
import type { Document } from "./document.ts";
import { systemFile } from "./shape.ts";

/**
 * What a project's file may say. `narrows`: at any time, because it can only take away until the project is trusted.
 * `trusted`: once the user trusts it. `never`: who is asked, what is recorded, how sandboxes are built, how far anybody
 * may go and where credentials come from are not for a checkout to decide. A key that is not listed is `never`.
 */
export const projectKeys: ReadonlyMap<string, "narrows" | "trusted" | "never"> = new Map([
  ["default_permissions", "narrows"],
  ["permissions", "narrows"],
  ["test", "narrows"],
  ["mcp_servers", "trusted"],
  ["sandbox_mode", "trusted"],
  ["sandbox_workspace_write", "trusted"],
  ["audit", "never"],
  ["ceiling", "never"],
  ["features", "never"],
]);

/** Errors: `config_schema` naming the key and who may set it. */
export function checkProjectKeys(document: Document, userFile: string, isTrusted: boolean): void {
  const key = Object.keys(document.value).find((name) => !maySet(name, isTrusted));
  if (key === undefined) {
    refuseCredentialSources(document);
    return;
  }
  const allowed = [...projectKeys.keys()].filter((name) => maySet(name, isTrusted));
  const later = projectKeys.get(key) === "trusted" ? " until you trust it" : "";
  const trusting = later === "" ? "" : "sandboxed trust shows and trusts it; or ";
  throw new SandboxedError(
    "config_schema",
    `${where(document, [key])}a project cannot set ${showPath([key])}${later}`,
    {
      hint: `${trusting}you can, in ${userFile}, or the administrator in ${systemFile}; a project may set ${listed(allowed)}`,
    },
  );
}

/** Keys of an MCP server that say where a secret of the user's comes from. */
const secretKeys = ["env_vars", "bearer_token_env_var", "env_http_headers", "oauth"];

/** A project would decide where the user's secrets are sent. */
function refuseCredentialSources(document: Document): void {
  const { mcp_servers: servers } = { mcp_servers: null, ...document.value };
  for (const [name, server] of Object.entries(servers ?? {})) {
    const key = secretKeys.find((one) => Object.hasOwn(server ?? {}, one));
    if (key === undefined) continue;
    const path = ["mcp_servers", name, key];
    throw new SandboxedError("config_schema", `${where(document, path)}a project cannot set ${showPath(path)}`, {
      hint: "where secrets come from is yours to say: put this key into your own file",
    });
  }
}

/** A server of the user's keeps its address: the secrets that go with it are the user's. Errors: `config_schema`. */
export function refuseRedirectedServers(project: Document, others: readonly Document[]): void {
  const namesOf = ({ value }: Document): readonly string[] => Object.keys({ mcp_servers: {}, ...value }.mcp_servers);
  const known = new Set(others.flatMap(namesOf));
  const name = namesOf(project).find((one) => known.has(one));
  if (name === undefined) return;
  const path = ["mcp_servers", name];
  throw new SandboxedError("config_schema", `${where(project, path)}${showPath(path)} is defined in your own file`, {
    hint: "give the project's server another name",
  });
}

/** The bound is the user's or the administrator's; what is typed for one run cannot move it. Errors: `config_schema`. */
export function checkCeilingPlace(document: Document): void {
  if (document.layer === "user" || document.layer === "system" || document.value["ceiling"] === undefined) return;
  throw new SandboxedError("config_schema", `${where(document, ["ceiling"])}the ceiling cannot be set here`, {
    hint: `it bounds what is typed for one run; set it in your own file, or the administrator's ${systemFile}`,
  });
}

function maySet(key: string, isTrusted: boolean): boolean {
  const may = projectKeys.get(key);
  return may === "narrows" || (may === "trusted" && isTrusted);
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
