import {
  escapeText,
  isForeign,
  knownNormal,
  needsInterception,
  parseDomainPattern,
  placeOf,
  SandboxedError,
} from "../../../policy/index.ts";
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

export interface DoorRequest {
  readonly published: readonly Publication[];
  readonly backend: Backend;
  /** Where a launch puts certificates for the program, if it has any of its own. */
  readonly trust: AbsolutePath;
  /** The program talks to somebody there, also when it may reach nothing else. */
  readonly channel: boolean;
}

/**
 * The door of a restricted network, or of a channel; null where nothing is to pass. Who has the host's network needs none.
 * Errors: `policy_unenforceable` for a backend without network namespaces, and for too many ports.
 */
export function planDoor(
  resolved: ResolvedPolicy,
  { published, backend, trust, channel }: DoorRequest,
): DoorPlan | null {
  const { networkMode, layers } = resolved;
  const allowed = layers.flatMap(({ network }) => network.domains.filter(({ access }) => access === "allow"));
  const beyond = published.find(({ address }) => !/^(?:127(?:\.\d{1,3}){3}|::1)$/.test(address));
  if (beyond !== undefined) {
    throw new SandboxedError("usage", `${escapeText(beyond.address)} is no address of the loopback`, {
      hint: "publish a port at 127.0.0.1 or ::1: nothing a sandbox runs is offered to other machines",
    });
  }
  if (published.length > 0 && networkMode === "full") {
    throw new SandboxedError("policy_unenforceable", "--publish is for a network of the program's own", {
      hint: "with the host's network its ports are reachable as they are",
    });
  }
  if (published.length > 0 && networkMode === "off") throw nothingPublished(layers);
  const isNetwork = networkMode === "restricted" && (allowed.length > 0 || published.length > 0);
  if (networkMode === "full" || (backend === "none" && !isNetwork) || !(isNetwork || channel)) return null;
  if (backend === "landlock" && channel) {
    throw new SandboxedError("policy_unenforceable", "--backend landlock cannot let a program talk to its session", {
      hint: "use a backend with namespaces, or leave --grant out",
    });
  }
  if (backend === "landlock") {
    throw new SandboxedError("policy_unenforceable", "--backend landlock cannot let single hosts through", {
      hint: "use a backend with namespaces, or take the hosts away",
    });
  }
  const ports = new Set(
    (isNetwork ? allowed : []).flatMap(({ pattern }) => parseDomainPattern(pattern).port ?? WEB_PORTS),
  );
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
    dns: isNetwork,
    published: [...new Set(published.map(({ port }) => port))],
    trust: needsInterception(resolved) ? trust : null,
  };
}

function nothingPublished(layers: ResolvedPolicy["layers"]): SandboxedError {
  const [off] = layers.flatMap(({ network }) => (network.mode === "off" ? [network.modeProvenance] : []));
  const place = off === undefined ? "" : placeOf(off);
  return new SandboxedError(
    "policy_unenforceable",
    `--publish has no port to offer: the network is off${place === "" ? "" : ` (${place})`}`,
    {
      hint:
        off !== undefined && isForeign(off.layer)
          ? `leave --publish out; the network is up to ${off.owner}`
          : "leave --publish out, or write --network restricted",
    },
  );
}

/**
 * Names are asked of the door, so the files that say where to ask are its own. They lie over the host's, or where the
 * host has none, in a tree of the launch's own.
 */
export function withDoorFiles(
  tree: { readonly mounts: readonly MountStep[]; readonly expectations: readonly Expectation[] },
  { trust, dns }: DoorPlan,
  folder: AbsolutePath,
  { canonical, look }: Pick<HostFacts, "canonical" | "look">,
): { readonly mounts: readonly MountStep[]; readonly expectations: readonly Expectation[] } {
  const isRootShown = tree.mounts.some((step) => step.do === "bind" && step.to === "/");
  const mounts = [...tree.mounts];
  const expectations = [...tree.expectations];
  for (const name of dns ? doorFileNames : []) {
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
  if (trust !== null) {
    // In /dev, which is made new by every launch: /etc may be the host's.
    mounts.splice(1 + mounts.findIndex((each) => each.do === "dev"), 0, {
      do: "bind",
      from: trust,
      to: TRUST,
      access: "read",
    });
    expectations.push({ path: TRUST, access: "read", identity: null });
  }
  return { mounts, expectations };
}

const TRUST = knownNormal("/dev/sandboxed-trust.pem");
const TRUST_VARIABLES = [
  "SSL_CERT_FILE",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "PIP_CERT",
  "NODE_EXTRA_CA_CERTS",
  "DENO_CERT",
  "GIT_SSL_CAINFO",
  "CARGO_HTTP_CAINFO",
  "NPM_CONFIG_CAFILE",
  "npm_config_cafile",
  "BUNDLE_SSL_CA_CERT",
  "AWS_CA_BUNDLE",
  "CODEX_CA_CERTIFICATE",
];

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
  "NPM_CONFIG_HTTPS_PROXY",
  "NPM_CONFIG_PROXY",
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
export function doorVariables({
  proxyPort,
  trust,
  dns,
}: DoorPlan): readonly (readonly [name: string, value: string])[] {
  if (!dns) return []; // the door of a channel leads nowhere else
  const address = `127.0.0.1:${proxyPort}`;
  return [
    ...HTTP_PROXY.map((name) => [name, `http://${address}`] as const),
    ...SOCKS_PROXY.map((name) => [name, `socks5h://${address}`] as const),
    ...NO_PROXY.map((name) => [name, OWN_HOSTS] as const),
    ["ELECTRON_GET_USE_PROXY", "true"],
    ["NODE_USE_ENV_PROXY", "1"],
    ...(trust === null ? [] : TRUST_VARIABLES.map((name) => [name, TRUST] as const)),
  ];
}
