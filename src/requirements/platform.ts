import { SandboxedError } from "../policy/index.ts";
import { readPlist } from "./plist.ts";
import { decodeBase64 } from "./read.ts";
import { readRegistryAnswer } from "./registry.ts";
import type { SourceText } from "./source.ts";

/** What a platform's own store of policies is asked with. Nothing else of this folder touches it. */
export interface PolicyStore {
  /** The bytes of a file that only the system writes; null when it is not there. */
  readonly readSystemBytes: (path: string) => Buffer | null;
  /** What a program of the system prints. */
  readonly ask: (program: string, words: readonly string[]) => { readonly status: number; readonly output: string };
}

/** One platform's way to hand out requirements without a file of TOML. */
export interface PlatformReader {
  readonly platform: NodeJS.Platform;
  /** What messages call it. */
  readonly name: string;
  /** Null when nothing is set. Errors: `requirements_parse`, `requirements_permissions`. */
  readonly read: (store: PolicyStore) => SourceText | null;
}

const preference = "requirements_toml_base64";
const domain = "com.sandboxed-run";

/** The managed preference that device management sets; a user's own preference of that name does not count. */
const macos: PlatformReader = {
  platform: "darwin",
  name: `the managed preference ${domain}`,
  read: ({ readSystemBytes }) => {
    const bytes = readSystemBytes(`/Library/Managed Preferences/${domain}.plist`);
    const value = bytes === null ? undefined : readPlist(bytes, macos.name).get(preference);
    return value === undefined ? null : { kind: "macos", name: macos.name, text: decodeBase64(value, macos.name) };
  },
};

const key = String.raw`HKLM\SOFTWARE\Policies\sandboxed-run`;

/** The policy key of the machine, which only administrators write. */
const windows: PlatformReader = {
  platform: "win32",
  name: `the registry key ${key}`,
  read: ({ ask }) => {
    const { status, output } = ask(String.raw`C:\Windows\System32\reg.exe`, ["query", key, "/v", preference]);
    const answer = readRegistryAnswer(status, output, preference);
    switch (answer.kind) {
      case "absent":
        return null;
      case "value":
        return { kind: "windows", name: windows.name, text: decodeBase64(answer.value, windows.name) };
      case "unclear":
        throw new SandboxedError("requirements_permissions", `${windows.name} cannot be read: ${answer.why}`, {
          hint: `set ${preference} as a value of type REG_SZ, or remove it`,
        });
    }
  },
};

const readers: readonly PlatformReader[] = [macos, windows];

/** The reader of a platform; null for one whose system file is all there is. */
export function platformReader(platform: NodeJS.Platform): PlatformReader | null {
  return readers.find((reader) => reader.platform === platform) ?? null;
}
