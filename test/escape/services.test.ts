import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";

/**
 * The kernel's table has no socket of another network namespace, none bound by a relative name, none renamed, none
 * bound later: those of services are out of reach because the whole place is.
 */
describe.each(people)("as %s", (person) => {
  describe.each([":workspace", ":read-only"])("with %s", (profile) => {
    const list = "ls -A /run | wc -l; ls -A /var/run/ | wc -l; head -c 0 /etc/hosts && echo reads";

    it("the sockets of services are not in reach (C30)", () =>
      onStage(person, (stage) => {
        expect(stage.sh(list, ["-P", profile]).stdout).toBe("0\n0\nreads\n");
      }));

    it("a part of them is when granted", () =>
      onStage(person, (stage) => {
        expect(stage.sh("test -r /run/lock && echo there", ["-P", profile, "--read", "/run/lock"]).stdout).toBe(
          "there\n",
        );
      }));
  });
});
