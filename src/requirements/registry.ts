export type RegistryAnswer =
  | { readonly kind: "absent" }
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "unclear"; readonly why: string };

/**
 * What `reg query KEY /v NAME` says: a line of name, type and value, apart by four spaces. It ends with 1 where key or
 * value is missing, and prints nothing then but its complaint.
 */
export function readRegistryAnswer(status: number, output: string, name: string): RegistryAnswer {
  const values = output
    .split(/\r?\n/)
    .map((line) => /^ {4}(\S.*?) {4}(REG_\w+)(?: {4}(.*))?$/.exec(line))
    .filter((match) => match?.[1]?.toLowerCase() === name.toLowerCase());
  const [match, second] = values;
  if (status === 1 && match === undefined) return { kind: "absent" };
  if (status !== 0) return { kind: "unclear", why: `reg ended with ${status}` };
  if (match === undefined || match === null) return { kind: "unclear", why: "reg named no value" };
  if (second !== undefined) return { kind: "unclear", why: "reg named more than one value" };
  const [, , type, value = ""] = match;
  if (type !== "REG_SZ") return { kind: "unclear", why: `its type is ${type}` };
  return { kind: "value", value };
}
