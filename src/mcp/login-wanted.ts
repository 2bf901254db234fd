import { escapeText } from "../policy/index.ts";

/** What its owner does about it. */
export function loginHint(server: string, error: unknown): string {
  const login = `sandboxed mcp login ${server}`;
  if (!(error instanceof Error) || !("requiredScope" in error)) return `log in: ${login}`;
  const scope = escapeText(String(error.requiredScope));
  return `log in again, with the scopes you have and ${scope}: ${login} --scopes LIST`;
}

/** Whether a server wants somebody to log in, or to log in for more. */
export function wantsLogin(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ("status" in error && error.status === 401) || /^(?:Unauthorized|InsufficientScope)Error$/.test(error.name);
}
