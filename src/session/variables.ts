import type { NetworkMode } from "../policy/index.ts";

/** What tells a program where its session is, and who it is there. */
export function channelVariables(
  port: number,
  token: string,
  mode: NetworkMode,
): readonly (readonly [name: string, value: string])[] {
  const channel = `tcp://127.0.0.1:${port}`;
  return [
    ["SANDBOXED_CHANNEL", channel],
    ["SANDBOXED_TOKEN", token],
    ["CODEX_CHANNEL", channel],
    ["CODEX_TOKEN", token],
    ["CODEX_SANDBOX", "sandboxed"],
    ...(mode === "off" ? [["CODEX_SANDBOX_NETWORK_DISABLED", "1"] as const] : []),
  ];
}
