import { describe, expect, it } from "vitest";
import { guardInstructions, initInstructions } from "../../../../src/sandbox/linux/plan/index.ts";
import type { DoorPlan, LaunchPlan } from "../../../../src/sandbox/plan.ts";
import { planOf } from "../plan/machine.ts";

const door: DoorPlan = { proxyPort: 3128, transparentPorts: [80, 443], dns: true, published: [8080], trust: null };

function init(plan: LaunchPlan): string {
  return initInstructions(plan).toString().replaceAll("\0", " ");
}

function guard(plan: LaunchPlan): string {
  const launch = {
    bwrap: "/usr/bin/bwrap",
    bwrapArguments: [],
    init: "/init",
    aftermath: null,
    listenToErrors: false,
    placeholders: [],
  };
  return guardInstructions(plan, { ...launch, quarantine: [] })
    .toString()
    .replaceAll("\0", " ");
}

describe("a plan's door", () => {
  it("tells the first process what to open, and the guard to pass its channel", () => {
    const plan = { ...planOf(), door };
    expect(init(plan)).toContain(
      " route all listen door 3128 listen tcp 80 listen tcp 443 listen dns 53 dial 8080 id ",
    );
    expect(guard(plan)).toMatch(/ terminal \w+ door $/);
  });

  it("says nothing of what it has not", () => {
    const plan = { ...planOf(), door: { ...door, transparentPorts: [], dns: false, published: [] } };
    expect(init(plan)).toContain(" listen door 3128 id ");
    expect(init(plan)).not.toContain(" route ");
  });

  it("is nothing where there is none", () => {
    const plan = { ...planOf(), door: null };
    expect(init(plan)).not.toMatch(/ (route|listen|dial) /);
    expect(guard(plan)).not.toContain(" door ");
  });
});
