import { compileGlob, escapeText, parseDomainPattern, SandboxedError } from "../../policy/index.ts";
import type { Capability, CapabilityKind } from "./kinds.ts";

type Scoped = "fs.read" | "fs.write" | "patch" | "tools" | "memory" | "network";

/** What a scope has to name, with an example of naming everything there is. */
const scoped: Readonly<Record<Scoped, { readonly names: string; readonly all: string }>> = {
  "fs.read": { names: "files", all: "fs.read=**" },
  "fs.write": { names: "files", all: "fs.write=**" },
  patch: { names: "files", all: "patch=**" },
  tools: { names: "tools", all: "tools=*" },
  memory: { names: "stores", all: "memory=*" },
  network: { names: "hosts", all: "network=api.example.com" },
};

const askers: ReadonlySet<CapabilityKind> = new Set<CapabilityKind>([
  "checkpoint",
  "elicitation",
  "request_permissions",
]);
const storing: ReadonlySet<CapabilityKind> = new Set<CapabilityKind>(["memory", "summarize"]);

const MOST_PATTERNS = 100;

/** The same capability, if it makes sense. Errors: `policy_invalid`, naming `text`. */
export function checkCapability(capability: Capability, text: string): Capability {
  const { kind, scope, approval, bytes } = capability;
  if (isScoped(kind)) {
    const { names, all } = scoped[kind];
    if (scope.length === 0)
      throw invalidCapability(text, `it does not say which ${names}`, `for all there are: ${all}`);
  } else if (scope.length > 0) {
    throw invalidCapability(text, `${kind} has nothing to name`, `write ${kind} alone`);
  }
  if (scope.length > MOST_PATTERNS) throw invalidCapability(text, `it names more than ${MOST_PATTERNS} patterns`);
  for (const pattern of scope) checkPatternOf(kind, pattern, text);
  if (approval !== "never" && askers.has(kind)) {
    throw invalidCapability(text, `${kind} asks somebody by itself`, "leave approval out");
  }
  if (bytes !== null && !storing.has(kind)) {
    throw invalidCapability(text, `${kind} stores nothing that bytes could limit`, "leave bytes out");
  }
  return capability;
}

export function invalidCapability(text: string, why: string, hint?: string): SandboxedError {
  return new SandboxedError("policy_invalid", `the capability ${escapeText(JSON.stringify(text))}: ${why}`, {
    ...(hint !== undefined && { hint }),
  });
}

function isScoped(kind: CapabilityKind): kind is Scoped {
  return kind in scoped;
}

function checkPatternOf(kind: CapabilityKind, pattern: string, text: string): void {
  const shown = escapeText(JSON.stringify(pattern));
  if (pattern === "") throw invalidCapability(text, "a pattern in it is empty");
  switch (kind) {
    case "fs.read":
    case "fs.write":
    case "patch":
      if (pattern.startsWith("~"))
        throw invalidCapability(text, `${shown} does not start where it says`, "write the whole path from /");
      if (/[{}]/.test(pattern))
        throw invalidCapability(text, `${shown} has braces`, "write each pattern by itself, with commas between");
      compileGlob(pattern.startsWith("/") ? pattern : `/${pattern}`);
      return;
    case "network":
      parseDomainPattern(pattern);
      return;
    case "tools":
      if (!/^[\w.*/-]{1,256}$/.test(pattern))
        throw invalidCapability(text, `${shown} is not a name of tools`, "for example tools=mcp.docs.read_*");
      return;
    case "memory":
      if (!/^[\w.*-]{1,64}$/.test(pattern))
        throw invalidCapability(text, `${shown} is not a name of stores`, "for example memory=notes");
      return;
    default:
      return;
  }
}
