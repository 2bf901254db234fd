import { knownNormal, parseDomainPattern, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, ResolvedPolicy } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import type { Backend, DoorPlan, Expectation, MountStep } from "../../plan.ts";
import type { Publication } from "../../request.ts";
import { doorFileNames } from "../door/files.ts";

/** Outside the ports a kernel hands out by itself, and nobody's by custom. */
const PROXY_PORT = 61_128;
const DNS_PORT = 53;
const WEB_PORTS = [80, 443];
/** As many as PID 1 has room for, less those of the door itself. */
const MOST_PORTS = 125;

/**
 * The door of a restricted network; null where the policy lets nothing through it.
 * Errors: `policy_unenforceable` for a backend without network namespaces, and for too many ports.
 */
export function planDoor(
  { networkMode, layers }: ResolvedPolicy,
  published: readonly Publication[],
  backend: Backend,
): DoorPlan | null {
  const allowed = layers.flatMap(({ network }) => network.domains.filter(({ access }) => access === "allow"));
  if (published.length > 0 && networkMode === "full") {
    throw new SandboxedError("policy_unenforceable", "--publish is for a network of the program's own", {
      hint: "with the host's network its ports are reachable as they are",
    });
  }
  if (networkMode !== "restricted" || (allowed.length === 0 && published.length === 0)) return null;
  if (backend === "landlock") {
    throw new SandboxedError("policy_unenforceable", "--backend landlock cannot let single hosts through", {
      hint: "use a backend with namespaces, or take the hosts away",
    });
  }
  const ports = new Set(allowed.flatMap(({ pattern }) => parseDomainPattern(pattern).port ?? WEB_PORTS));
  ports.delete(DNS_PORT);
  ports.delete(PROXY_PORT);
  if (ports.size > MOST_PORTS) {
    throw new SandboxedError(
      "policy_unenforceable",
      `the policy names ${ports.size} ports; ${MOST_PORTS} can be held`,
      {
        hint: "name fewer ports in domains",
      },
    );
  }
  return {
    proxyPort: PROXY_PORT,
    transparentPorts: [...ports].toSorted((one, other) => one - other),
    dns: true,
    published: [...new Set(published.map(({ port }) => port))],
  };
}

/**
 * Names are asked of the door, so the files that say where to ask are its own. They lie over the host's, or where the
 * host has none, in a tree of the launch's own.
 */
export function withDoorFiles(
  tree: { readonly mounts: readonly MountStep[]; readonly expectations: readonly Expectation[] },
  folder: AbsolutePath,
  { canonical, look }: Pick<HostFacts, "canonical" | "look">,
): { readonly mounts: readonly MountStep[]; readonly expectations: readonly Expectation[] } {
  const isRootShown = tree.mounts.some((step) => step.do === "bind" && step.to === "/");
  const mounts = [...tree.mounts];
  const expectations = [...tree.expectations];
  for (const name of doorFileNames) {
    const path = canonical(knownNormal(`/etc/${name}`));
    if (path === null || (isRootShown && look(path).kind !== "file")) continue;
    const step: MountStep = { do: "bind", from: knownNormal(`${folder}/${name}`), to: path, access: "read" };
    const there = mounts.findIndex((each) => each.do === "bind" && each.to === path);
    const firstSeal = mounts.findIndex((each) => each.do === "seal");
    if (there >= 0) mounts[there] = step;
    else mounts.splice(firstSeal < 0 ? mounts.length : firstSeal, 0, step);
    const expected = expectations.findIndex((each) => each.path === path);
    if (expected >= 0) expectations.splice(expected, 1);
    expectations.push({ path, access: "read", identity: null });
  }
  return { mounts, expectations };
}

const HTTP_PROXY = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "http_proxy",
  "https_proxy",
  "WS_PROXY",
  "WSS_PROXY",
  "ws_proxy",
  "wss_proxy",
  "YARN_HTTP_PROXY",
  "YARN_HTTPS_PROXY",
  "NPM_CONFIG_HTTP_PROXY",
  "NPM_CONFIG_HTTPS_PROXY",
  "NPM_CONFIG_PROXY",
  "npm_config_http_proxy",
  "npm_config_https_proxy",
  "npm_config_proxy",
  "BUNDLE_HTTP_PROXY",
  "BUNDLE_HTTPS_PROXY",
  "PIP_PROXY",
  "DOCKER_HTTP_PROXY",
  "DOCKER_HTTPS_PROXY",
];
const SOCKS_PROXY = ["ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy"];
const NO_PROXY = ["NO_PROXY", "no_proxy", "npm_config_noproxy", "NPM_CONFIG_NOPROXY", "BUNDLE_NO_PROXY"];
/** What is on the loopback is the program's own, or a port that the policy opens as it stands. */
const OWN_HOSTS = "localhost,127.0.0.1,::1";

/** What makes programs use the proxy that know how to; the rest meet the same rules without knowing it. */
export function doorVariables({ proxyPort }: DoorPlan): readonly (readonly [name: string, value: string])[] {
  const address = `127.0.0.1:${proxyPort}`;
  return [
    ...HTTP_PROXY.map((name) => [name, `http://${address}`] as const),
    ...SOCKS_PROXY.map((name) => [name, `socks5h://${address}`] as const),
    ...NO_PROXY.map((name) => [name, OWN_HOSTS] as const),
    ["ELECTRON_GET_USE_PROXY", "true"],
    ["NODE_USE_ENV_PROXY", "1"],
  ];
}
