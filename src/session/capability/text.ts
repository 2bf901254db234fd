import { didYouMean, escapeText, formatDuration, formatSize, parseDuration, parseSize } from "../../policy/index.ts";
import { checkCapability, invalidCapability } from "./check.ts";
import { capabilityKinds } from "./kinds.ts";
import type { Capability, CapabilityKind } from "./kinds.ts";

/** A capability as `--grant` takes it: `kind=scope,scope:calls=50:expires=15m:approval=always`. */
export type CapabilityText = string;

const options = ["calls", "rate", "expires", "approval", "bytes"] as const;
type Option = (typeof options)[number];

/** Reads what `--grant` takes. Errors: `policy_invalid`. */
export function parseCapability(text: CapabilityText): Capability {
  const [head = "", ...rest] = text.trim().split(/:(?=(?:calls|rate|expires|approval|bytes)=)/);
  const equals = head.indexOf("=");
  const kind = kindOf(equals < 0 ? head : head.slice(0, equals), text);
  const scope = equals < 0 ? [] : head.slice(equals + 1).split(",");
  const stray = /:([A-Za-z_]+)=/.exec(head)?.[1];
  if (stray !== undefined) {
    throw invalidCapability(text, `there is no option ${escapeText(stray)}${didYouMean(stray, options)}`, optionsHint);
  }
  const given = new Map<Option, string>();
  for (const part of rest) {
    const at = part.indexOf("=");
    const name = options.find((option) => option === part.slice(0, at));
    if (name === undefined || given.has(name)) throw invalidCapability(text, `${escapeText(part)} stands there twice`);
    given.set(name, part.slice(at + 1));
  }
  // How many helpers may be started is all there is to say of them.
  const isNumber = kind === "agents" && scope.length === 1;
  return checkCapability(
    {
      kind,
      scope: isNumber ? [] : scope,
      calls: readCount(given.get("calls") ?? (isNumber ? scope[0] : undefined), text),
      rate: readRate(given.get("rate"), text),
      expiresIn: given.has("expires") ? parseDuration(given.get("expires") ?? "") : null,
      approval: readApproval(given.get("approval") ?? "never", text),
      bytes: given.has("bytes") ? parseSize(given.get("bytes") ?? "") : null,
    },
    text,
  );
}

/** The spelling that `parseCapability` reads back. */
export function formatCapability({ kind, scope, calls, rate, expiresIn, approval, bytes }: Capability): CapabilityText {
  const parts = [scope.length === 0 ? kind : `${kind}=${scope.join(",")}`];
  if (calls !== null) parts.push(`calls=${calls}`);
  if (rate !== null) parts.push(`rate=${rate.calls}/${formatDuration(rate.per)}`);
  if (expiresIn !== null) parts.push(`expires=${formatDuration(Math.max(1, Math.round(expiresIn)))}`);
  if (approval !== "never") parts.push(`approval=${approval}`);
  if (bytes !== null) parts.push(`bytes=${formatSize(bytes)}`);
  return parts.join(":");
}

export function kindOf(name: string, text: string): CapabilityKind {
  const kind = capabilityKinds.find((each) => each === name);
  if (kind !== undefined) return kind;
  throw invalidCapability(
    text,
    `there is no capability ${escapeText(JSON.stringify(name))}${didYouMean(name, capabilityKinds)}`,
    `write one of ${capabilityKinds.join(", ")}`,
  );
}

export function readCount(value: string | undefined, text: string): number | null {
  if (value === undefined) return null;
  if (/^[1-9]\d{0,14}$/.test(value)) return Number(value);
  throw invalidCapability(text, `${escapeText(JSON.stringify(value))} is not a number of calls`, "write calls=50");
}

/** `10/s`, `100/5m`. */
export function readRate(value: string | undefined, text: string): Capability["rate"] {
  if (value === undefined) return null;
  const [, calls, per] = /^([1-9]\d{0,8})\/(.+)$/.exec(value) ?? [];
  if (calls === undefined || per === undefined) {
    throw invalidCapability(
      text,
      `${escapeText(JSON.stringify(value))} is not a rate`,
      "write rate=10/s or rate=100/5m",
    );
  }
  return { calls: Number(calls), per: parseDuration(/^\d/.test(per) ? per : `1${per}`) };
}

export function readApproval(value: string, text: string): Capability["approval"] {
  if (value === "never" || value === "always" || value === "once") return value;
  throw invalidCapability(
    text,
    `approval cannot be ${escapeText(JSON.stringify(value))}`,
    "write approval=never, approval=always or approval=once",
  );
}

const optionsHint = `options are ${options.join(", ")}`;
