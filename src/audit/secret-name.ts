/** Words that name a secret wherever they stand in a name. */
const secretWords = new Set([
  "token",
  "secret",
  "password",
  "passwd",
  "passphrase",
  "passcode",
  "credential",
  "credentials",
  "apikey",
  "accesskey",
  "privatekey",
  "secretkey",
  "authorization",
  "authtoken",
  "bearer",
  "cookie",
]);

/** What makes a plain `key` one to hide. */
const keyKinds = new Set(["api", "access", "secret", "private", "auth", "signing", "encryption", "master", "account"]);

/** Names that are secret only as a whole, and only where a value is assigned. */
const assignedNames = new Set(["key", "pass", "pwd", "auth", "sig", "signature"]);

/** A name ending so tells where something is, not what it is. */
const places = new Set(["file", "path", "dir", "directory", "url", "name", "id", "type", "endpoint"]);

/**
 * Does a name say that its value is secret? `FOO_KEY=…` in capitals is read as an environment variable, where any
 * `KEY`, `SECRET`, `TOKEN` or `PASSWORD` counts; flags, headers and members are read word by word (`--api-key`, `authToken`).
 */
export function isSecretName(name: string, sign: "=" | ":" | " " = " "): boolean {
  const bare = name.replace(/^-{1,2}/, "");
  if (sign === "=" && /^[A-Z_][A-Z0-9_]*$/.test(bare)) {
    return /KEY|SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|_(?:PASS|PWD|AUTH)$/.test(bare);
  }
  const words = bare
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .toLowerCase()
    .split(/[-_.]/);
  const last = words.at(-1) ?? "";
  if (places.has(last)) return false;
  if (sign !== ":" && words.length === 1 && assignedNames.has(last)) return true;
  if (sign === "=" && (last === "signature" || last === "sig")) return true;
  return words.some((word, index) => secretWords.has(word) || (word === "key" && keyKinds.has(words[index - 1] ?? "")));
}
