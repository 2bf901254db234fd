import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { ReadFile } from "../read.ts";
import type { BundleSource } from "./verify.ts";

/** What is kept of a bundle between starts. */
export interface Kept {
  readonly bytes: Buffer;
  readonly etag: string | null;
  /** When the server was last asked with success; milliseconds since 1970. */
  readonly asked: number;
  /** The latest time that was seen on this machine's clock. */
  readonly seen: number;
  /** Why the last look for a newer one failed; null when it did not. */
  readonly failure: string | null;
  /** When that was; 0 for never. */
  readonly failed: number;
}

/**
 * A file of the user's, in the tool's own state, which no program may touch. It is sealed with what belongs to one
 * machine, one account, one address and one key, so that one from elsewhere does not count. Against the account's own
 * owner the seal is no defence: it is the signature of the bundle that is, and `min_serial`.
 */
export class BundleCache {
  readonly file: string;
  readonly #seal: Buffer;
  readonly #read: ReadFile;

  constructor(folder: string, { url, publicKey }: BundleSource, read: ReadFile) {
    const parts = [machine(), String(process.geteuid?.() ?? 0), url, publicKey];
    this.#seal = createHash("sha256").update(JSON.stringify(parts)).digest();
    const name = createHash("sha256")
      .update(JSON.stringify([url, publicKey]))
      .digest("hex")
      .slice(0, 16);
    this.file = join(folder, `bundle-${name}.json`);
    this.#read = read;
  }

  /** Null for none that counts here. Errors: those of reading the file. */
  load(): Kept | null {
    const text = this.#read(this.file, "given");
    const [mac = "", body = ""] = text?.split("\n") ?? [];
    const given = Buffer.from(mac, "hex");
    const right = this.#mac(body);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `keep` below: the seal says so
    const { bytes, ...rest } = JSON.parse(body) as Omit<Kept, "bytes" | "failed"> & {
      readonly bytes: string;
      readonly failed?: number;
    };
    return { ...rest, failed: rest.failed ?? 0, bytes: Buffer.from(bytes, "base64") };
  }

  keep({ bytes, ...rest }: Kept): void {
    const body = JSON.stringify({ ...rest, bytes: bytes.toString("base64") });
    const aside = `${this.file}.${randomBytes(6).toString("hex")}`;
    try {
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
      writeFileSync(aside, `${this.#mac(body).toString("hex")}\n${body}\n`, { mode: 0o600, flag: "wx" });
      renameSync(aside, this.file);
    } catch (cause) {
      rmSync(aside, { force: true });
      throw new SandboxedError("requirements_fetch", `requirements cannot be kept in ${escapeText(this.file)}`, {
        hint: "make that folder writable for you",
        cause,
      });
    }
  }

  #mac(body: string): Buffer {
    return createHmac("sha256", this.#seal).update(body).digest();
  }
}

function machine(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return hostname();
  }
}
