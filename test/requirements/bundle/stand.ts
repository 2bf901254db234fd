import type { IncomingMessage, ServerResponse } from "node:http";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { newKeyPair, signBundle } from "../../../src/requirements/bundle/signature.ts";
import { loadRequirements } from "../../../src/requirements/index.ts";
import type { Requirements, RequirementsRequest } from "../../../src/requirements/index.ts";
import { put } from "../../config/stage.ts";
import { asAdministrator } from "../stage.ts";
import { openSecureOrigin, worldAuthority } from "../../network/intercept/stand.ts";

export const day = 24 * 3_600_000;
export const today = Date.parse("2026-06-01T00:00:00Z");
export const keys = newKeyPair();

export interface Answer {
  readonly status?: number;
  readonly body: Buffer;
  readonly etag?: string;
  /** It takes the question and says nothing. */
  readonly isSilent?: boolean;
}

export interface BundleStand {
  readonly root: string;
  readonly systemFile: string;
  readonly url: string;
  readonly seen: readonly IncomingMessage[];
  /** What the server says from now on. */
  serve(answer: Answer): void;
  load(how?: Partial<RequirementsRequest>): Promise<Requirements>;
}

/** A machine whose system file names a server of HTTPS, which runs. `more`: lines of `requirements_source`. */
export async function bundleStand(more = "", before = ""): Promise<BundleStand> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "bundle-")));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  let answer: Answer = { status: 404, body: Buffer.from("nothing here") };
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    if (answer.isSilent === true) return;
    const isKnown = answer.etag !== undefined && request.headers["if-none-match"] === answer.etag;
    response.writeHead(isKnown ? 304 : (answer.status ?? 200), answer.etag === undefined ? {} : { etag: answer.etag });
    response.end(isKnown ? undefined : answer.body);
  };
  const { port, seen } = await openSecureOrigin(respond, "localhost");
  put(join(root, "ca.pem"), (await worldAuthority()).cert);
  const url = `https://localhost:${port}/requirements.bundle`;
  const systemFile = join(root, "requirements.toml");
  put(
    systemFile,
    `${before}\n[requirements_source]\nurl = "${url}"\npublic_key = "${keys.publicKey}"\nca_file = "${root}/ca.pem"\n${more}\n`,
  );
  return {
    root,
    systemFile,
    url,
    seen,
    serve: (next) => (answer = next),
    load: (how = {}) =>
      loadRequirements({
        environment: new Map(),
        home: root,
        file: null,
        systemFile,
        stateFolder: join(root, "state"),
        read: asAdministrator,
        now: today,
        ...how,
      }),
  };
}

/** A bundle as an administrator signs it. */
export function bundle(serial: number, text = "", expires = "2026-07-01T00:00:00Z", key = keys.privateKey): Buffer {
  const content = `serial = ${serial}\nexpires = ${expires}\n${text}\n`;
  return signBundle(Buffer.from(content), key).bundle;
}
