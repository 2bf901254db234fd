import { describe, expect, it } from "vitest";
import type { JournalEvent } from "../../src/policy/index.ts";
import type { RequirementsChange } from "../../src/reload/index.ts";
import { Notices } from "../../src/reload/notices.ts";

function noticing() {
  const told: RequirementsChange[] = [];
  const recorded: JournalEvent[] = [];
  const notices = new Notices({
    running: {
      record: (event) => void recorded.push(event),
      revoke: () => {},
      door: () => Promise.resolve(null),
    },
    files: [],
    decided: 0,
    from: () => Promise.reject(new Error("nobody asks")),
    tell: (change) => void told.push(change),
  });
  return { notices, told, recorded };
}

describe("changes of requirements", () => {
  it.each<[string, (notices: Notices, n: number) => void]>([
    ["cannot be used", (notices, n) => notices.kept(`broken ${n}`)],
    ["are for later runs", (notices) => notices.unchanged("more is allowed")],
  ])("that %s do not fill the journal; what takes something away is always told", (_, change) => {
    const { notices, told, recorded } = noticing();
    for (let n = 0; n < 1000; n++) change(notices, n);
    expect([told.length, recorded.length]).toEqual([100, 100]);
    notices.narrowed("less", 2);
    notices.ended("nothing");
    expect(told.slice(100).map(({ effect }) => effect)).toEqual(["narrowed", "ended"]);
    expect(recorded).toHaveLength(102);
  });

  it("that are kept from holding for the same reason are told once", () => {
    const { notices, told } = noticing();
    for (const why of ["one", "one", "other", "one"]) notices.kept(why);
    expect(told.map(({ message }) => message.split(": ")[1])).toEqual(["one", "other", "one"]);
  });
});
