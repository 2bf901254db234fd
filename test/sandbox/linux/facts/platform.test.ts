import { describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import { certificateFiles } from "../../../../src/sandbox/linux/facts/certificates.ts";
import { openDisk } from "../../../../src/sandbox/linux/facts/index.ts";
import { readPlatform } from "../../../../src/sandbox/linux/facts/platform.ts";
import { memoryDisk } from "./memory-disk.ts";
import type { Content } from "./memory-disk.ts";

interface Case {
  readonly name: string;
  readonly tree: Readonly<Record<string, Content>>;
  readonly platform: readonly string[];
  readonly links: Readonly<Record<string, string>>;
}

const systems: readonly Case[] = [
  {
    name: "merged /usr",
    tree: { "/usr/bin/sh": "", "/usr/lib/libc.so": "", "/bin": { link: "usr/bin" }, "/lib": { link: "usr/lib" } },
    platform: ["/usr"],
    links: { "/bin": "usr/bin", "/lib": "usr/lib" },
  },
  {
    name: "separate /bin and /lib",
    tree: { "/usr/bin/env": "", "/bin/sh": "", "/lib/ld-musl.so": "" },
    platform: ["/usr", "/bin", "/lib"],
    links: {},
  },
  {
    name: "only the names of the list, never the secrets beside them",
    tree: {
      "/etc/passwd": "",
      "/etc/shadow": "",
      "/etc/machine-id": "",
      "/etc/krb5.keytab": "",
      "/etc/sudoers": "",
      "/etc/environment": "TOKEN=1",
      "/etc/ssh/ssh_host_rsa_key": "",
      "/etc/ssl/private/key.pem": "",
      "/etc/ssl/certs/ca.pem": "",
    },
    platform: ["/etc/passwd", "/etc/ssl/certs"],
    links: {},
  },
  {
    name: "a link into /run shows that file alone",
    tree: {
      "/etc/resolv.conf": { link: "../run/systemd/resolve/stub-resolv.conf" },
      "/run/systemd/resolve/stub-resolv.conf": "",
      "/run/docker.sock": { kind: "socket" },
    },
    platform: ["/run/systemd/resolve/stub-resolv.conf"],
    links: { "/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf" },
  },
  {
    name: "a chain of links is shortened to its end",
    tree: {
      "/nix/store/x/passwd": "",
      "/etc/static": { link: "/nix/store/x" },
      "/etc/passwd": { link: "/etc/static/passwd" },
    },
    platform: ["/nix/store"],
    links: { "/etc/static": "/nix/store/x", "/etc/passwd": "/nix/store/x/passwd" },
  },
  {
    name: "a dangling link is left out",
    tree: { "/etc/localtime": { link: "/usr/share/zoneinfo/Nowhere" }, "/etc/hosts": "" },
    platform: ["/etc/hosts"],
    links: {},
  },
  {
    name: "a link to a secret or into a home is left out",
    tree: {
      "/etc/hosts": { link: "/etc/shadow" },
      "/etc/shadow": "",
      "/etc/group": { link: "/home/u/group" },
      "/home/u/group": "",
      "/etc/services": "",
    },
    platform: ["/etc/services"],
    links: {},
  },
  {
    name: "what is neither file nor directory is left out",
    tree: { "/etc/hosts": { kind: "fifo" }, "/etc/group": { kind: "socket" }, "/etc/services": "" },
    platform: ["/etc/services"],
    links: {},
  },
  {
    name: "patterns, in one component or between two",
    tree: {
      "/etc/java-17-openjdk/x": "",
      "/etc/java-config": null,
      "/etc/php/8.2/cli/php.ini": "",
      "/etc/php/8.2/fpm/pool.conf": "secret",
    },
    platform: ["/etc/java-17-openjdk", "/etc/php/8.2/cli"],
    links: {},
  },
  {
    name: "below a linked directory the real one is shown",
    tree: { "/etc/ssl": { link: "/usr/share/ssl" }, "/usr/share/ssl/certs/a.pem": "" },
    platform: ["/usr"],
    links: { "/etc/ssl/certs": "/usr/share/ssl/certs" },
  },
];

describe("the platform", () => {
  it.each(systems)("$name", ({ tree, platform, links }) => {
    const found = readPlatform(memoryDisk(tree));
    expect(found.platform).toEqual(platform);
    expect(Object.fromEntries(found.platformLinks.map(({ path, to }) => [path, to]))).toEqual(links);
  });

  it("of this machine is canonical, exists, and is short", () => {
    const disk = openDisk();
    const { platform } = readPlatform(disk);
    expect(platform).toContain("/usr");
    for (const path of platform) expect([path, disk.canonical(path)]).toEqual([path, path]);
    expect(platform.length).toBeLessThan(30);
  });
});

describe("bundles of certificates that variables name", () => {
  const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const cases: readonly (readonly [name: string, path: string, content: Content, shown: boolean])[] = [
    ["outside the platform", "/srv/ca.pem", pem, true],
    ["inside the platform, where it is shown anyway", "/usr/share/ca.pem", pem, false],
    ["a private key", "/home/u/.ssh/id", "-----BEGIN OPENSSH PRIVATE KEY-----\n", false],
    ["certificates with their private key", "/srv/both.pem", `${pem}-----BEGIN PRIVATE KEY-----\n`, false],
    ["any other file", "/home/u/.netrc", "password x", false],
    ["a directory", "/srv/certs", null, false],
  ];
  it.each(cases)("%s", (_, path, content, shown) => {
    const found = certificateFiles(
      new Map([["SSL_CERT_FILE", path]]),
      [absolutePath("/usr")],
      memoryDisk({ [path]: content }),
    );
    expect(found).toEqual(shown ? [path] : []);
  });

  it("through a link, what it leads to", () => {
    const disk = memoryDisk({ "/srv/ca.pem": pem, "/srv/link.pem": { link: "ca.pem" } });
    expect(certificateFiles(new Map([["PIP_CERT", "/srv/link.pem"]]), [], disk)).toEqual(["/srv/ca.pem"]);
    expect(certificateFiles(new Map([["PIP_CERT", "ca.pem"]]), [], disk)).toEqual([]);
  });
});
