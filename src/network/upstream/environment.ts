import { BlockList, isIP } from "node:net";
import { SandboxedError } from "../../policy/index.ts";
import type { Target } from "../decide/gate.ts";

/** A proxy between the broker and the world. */
export interface UpstreamProxy {
  readonly kind: "http" | "https" | "socks5";
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string;
}

/** `form` says what is to be sent: requests of plain HTTP, or a tunnel. Null is the direct way. */
export type ChooseUpstream = (target: Target, form: "http" | "tunnel") => UpstreamProxy | null;

type Environment = { readonly [name: string]: string | undefined };

/** Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, small letters first. Throws on what it cannot use. */
export function upstreamFrom(environment: Environment): ChooseUpstream {
  const read = (name: string): UpstreamProxy | null => {
    const text = environment[name.toLowerCase()] || environment[name];
    return text === undefined || text === "" ? null : parseProxy(name, text);
  };
  const all = read("ALL_PROXY");
  const proxies = { http: read("HTTP_PROXY") ?? all, tunnel: read("HTTPS_PROXY") ?? all };
  const goesDirect = readExceptions(environment["no_proxy"] || environment["NO_PROXY"] || "");
  return (target, form) => (goesDirect(target) ? null : proxies[form]);
}

const defaultPorts = { "http:": 80, "https:": 443, "socks5:": 1080, "socks5h:": 1080, "socks:": 1080 } as const;

function parseProxy(name: string, text: string): UpstreamProxy {
  let url: URL;
  try {
    url = new URL(text.includes("://") ? text : `http://${text}`);
  } catch (cause) {
    throw new SandboxedError("setup_failed", `${name} holds no proxy's address`, { cause });
  }
  const scheme = url.protocol;
  if (!isKnown(scheme)) {
    throw new SandboxedError("setup_failed", `${name} names a proxy of the unknown kind "${scheme}"`, {
      hint: "Use http://, https:// or socks5://, or clear the variable for the tool.",
    });
  }
  return {
    kind: scheme === "http:" ? "http" : scheme === "https:" ? "https" : "socks5",
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? defaultPorts[scheme] : Number(url.port),
    user: url.username === "" && url.password === "" ? null : decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function isKnown(scheme: string): scheme is keyof typeof defaultPorts {
  return Object.hasOwn(defaultPorts, scheme);
}

/** Names with what is under them, addresses, address ranges, each optionally with a port; `*` is everything. */
function readExceptions(text: string): (target: Target) => boolean {
  const tests: ((target: Target) => boolean)[] = [isLoopback];
  for (const word of text.toLowerCase().split(/[\s,]+/)) {
    if (word === "") continue;
    if (word === "*") return () => true;
    tests.push(exception(word));
  }
  return (target) => tests.some((test) => test(target));
}

function isLoopback({ host, isAddress }: Target): boolean {
  return isAddress ? host.startsWith("127.") || host === "::1" : host === "localhost" || host.endsWith(".localhost");
}

function exception(word: string): (target: Target) => boolean {
  const [, bracketed, plain, portText] = /^(?:\[(.+)\]|([^:]+|.*:.*:.*?))(?::(\d+))?$/.exec(word) ?? [];
  const host = bracketed ?? plain ?? word;
  const rightPort = (port: number): boolean => portText === undefined || Number(portText) === port;
  const [base = "", bits] = host.split("/");
  if (isIP(base) !== 0) {
    const list = new BlockList();
    const family = isIP(base) === 4 ? "ipv4" : "ipv6";
    const width = bits === undefined ? (family === "ipv4" ? 32 : 128) : Number(bits);
    if (!Number.isInteger(width) || width < 0 || width > (family === "ipv4" ? 32 : 128)) return () => false;
    list.addSubnet(base, width, family);
    return ({ host: address, isAddress, port }) =>
      isAddress && rightPort(port) && list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  }
  const suffix = host.replace(/^\*?\./, "");
  return ({ host: name, isAddress, port }) =>
    !isAddress && rightPort(port) && (name === suffix || name.endsWith(`.${suffix}`));
}
