import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

const LARGEST = 64 * 1024;
const MOST = 64;
const OTHERS = 0o077;
const BYTES = 32;

/** 256 random bits. */
export function newToken(): string {
  return randomBytes(BYTES).toString("base64url");
}

export interface TokenFile {
  /** Where it really is. */
  readonly path: string;
  readonly tokens: readonly string[];
  readonly made: boolean;
}

/**
 * The tokens in a file that nobody else can read, one a line; it is made with one token where there is none. Errors:
 * `config_permissions` for one that others may read or that is no file, `usage` for what is no token.
 */
export function tokensIn(path: string, isToken: (text: string) => boolean): TokenFile {
  const fresh = create(path);
  const text = fresh ?? read(path);
  const lines = text.split("\n").map((line) => line.trim());
  const tokens = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const shown = escapeText(path);
  if (tokens.length === 0) {
    throw new SandboxedError("usage", `${shown} holds no token`, { hint: "remove it, and one is made" });
  }
  if (tokens.length > MOST) {
    throw new SandboxedError("usage", `${shown} holds more than ${MOST} tokens`, {
      hint: "take out those of clients past",
    });
  }
  if (tokens.some((token) => !isToken(token))) {
    const line = lines.findIndex((each) => each !== "" && !each.startsWith("#") && !isToken(each)) + 1;
    throw new SandboxedError("usage", `${shown}:${line}: that is no token: 43 letters and digits are the least`, {
      hint: "write one token a line, each of 32 random bytes in base64; or remove the file, and one is made",
    });
  }
  return { path: realpathSync(path), tokens, made: fresh !== null };
}

/** The text of the file that was made; null when there is one already. */
function create(path: string): string | null {
  const text = `${newToken()}\n`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const descriptor = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return text;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return null;
    throw new SandboxedError(
      "usage",
      `--token-file ${escapeText(path)}: it cannot be made (${codeOf(error) ?? "unknown error"})`,
      {
        hint: "name a file in a folder of yours",
        cause: error,
      },
    );
  }
}

function read(path: string): string {
  const shown = escapeText(path);
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const problem =
      codeOf(error) === "ELOOP" ? "is a symbolic link" : `cannot be read (${codeOf(error) ?? "unknown error"})`;
    throw new SandboxedError("config_permissions", `${shown} ${problem}`, {
      hint: "name a file of yours that holds a token, or one that is not there yet",
      cause: error,
    });
  }
  try {
    const stats = fstatSync(descriptor);
    const own = process.getuid?.() ?? 0;
    if (stats.nlink > 1) {
      throw new SandboxedError("config_permissions", `${shown} has another name besides, where others may read it`, {
        hint: "remove it, and one is made",
      });
    }
    if (!stats.isFile() || stats.size > LARGEST || (stats.mode & OTHERS) !== 0 || ![0, own].includes(stats.uid)) {
      throw new SandboxedError("config_permissions", `${shown} is no file that you alone can read`, {
        hint: `chown it to yourself, and chmod 600 ${shown}`,
      });
    }
    const buffer = Buffer.alloc(LARGEST);
    return buffer.toString("utf8", 0, readSync(descriptor, buffer, 0, LARGEST, 0));
  } finally {
    closeSync(descriptor);
  }
}
