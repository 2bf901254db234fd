import { describe, expect, it } from "vitest";
import { cancelledOptions } from "../../src/cli/cancelled.ts";
import { noFlags } from "../../src/config/index.ts";
import type { ConfigFlags } from "../../src/config/index.ts";
import { compile, resolve } from "../../src/policy/index.ts";
import { stage } from "../config/stage.ts";
import { machine } from "../policy/machine.ts";

/** What is warned of with these options, the project's file called `FILE`. */
async function warned(options: Partial<ConfigFlags>, project: string | null): Promise<readonly string[]> {
  const { paths, load } = stage(project === null ? {} : { project: `default_permissions = "p"\n${project}` });
  const { policy } = await load(options);
  const places = machine();
  const flags = { ...noFlags, ...options };
  const warnings = cancelledOptions(policy, flags, places.home, compile(resolve(policy, places)));
  return warnings.map((warning) => warning.replace(paths.project, "FILE"));
}

const narrow = '[permissions.p]\nextends = ":isolated"\nnetwork.mode = "restricted"\nlimits.wall_time = "1m"';

describe("an option that the project's file takes away is told with the line", () => {
  it.each<readonly [Partial<ConfigFlags>, string, readonly string[]]>([
    [{ read: ["/data"] }, narrow, ["--read /data has no effect here: FILE:2: the project does not allow it"]],
    [{ write: ["~/out"] }, narrow, ["--write ~/out has no effect here: FILE:2: the project does not allow it"]],
    [
      { read: ["/data/x"] },
      '[permissions.p.filesystem]\n"/data" = "deny"',
      ["--read /data/x has no effect here: FILE:3: the project does not allow it"],
    ],
    [
      { write: ["/data"] },
      '[permissions.p.filesystem]\n"/data" = "read"',
      ["--write /data has no effect here: FILE:3: the project does not allow it"],
    ],
    [{ network: "full" }, narrow, ["--network full is cut to restricted: FILE:4: the project allows no more"]],
    [
      { allow: ["npm"], allowDomain: ["*.example.com"], hostPort: ["5432"] },
      narrow,
      [
        "--host-port 5432 has no effect here: FILE:4: the project does not allow it",
        "--allow-domain *.example.com has no effect here: FILE:4: the project does not allow it",
        "--allow npm has no effect here: FILE:4: the project does not allow it",
      ],
    ],
    [
      { allowUnixSocket: ["/run/app.sock"] },
      narrow,
      ["--allow-unix-socket /run/app.sock has no effect here: FILE:2: the project does not allow it"],
    ],
    [
      { environment: ["API_TOKEN", "EDITOR=vi"] },
      narrow,
      ["--env API_TOKEN has no effect here: FILE:2: the project does not allow it"],
    ],
    [
      { timeout: "1h", processes: "9999" },
      narrow,
      [
        "--timeout 1h is cut to 1m: FILE:2: the project allows no more",
        "--processes 9999 is cut to 4096: FILE:2: the project allows no more",
      ],
    ],
  ])("%j", async (options, project, warnings) => {
    const all = await warned(options, project);
    expect(new Set(all)).toEqual(new Set(warnings));
    expect(await warned(options, null)).toEqual([]);
    expect(await warned(options, '[permissions.p.filesystem]\n":workspace_roots" = { "**/.env" = "deny" }')).toEqual(
      [],
    );
  });

  it("says nothing where the person's own options, or what nobody can open, stand in the way", async () => {
    const state = "/home/u/.local/state/sandboxed";
    expect(await warned({ read: ["/data", state, "/proc"], deny: ["/data"], timeout: "30s" }, narrow)).toEqual([]);
    expect(await warned({ network: "off", read: ["/usr"] }, narrow)).toEqual([]);
  });
});
