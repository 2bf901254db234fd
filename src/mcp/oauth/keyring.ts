/** What is used of `@napi-rs/keyring`. */
export interface KeyringPackage {
  readonly Entry: new (
    service: string,
    account: string,
    options?: unknown,
  ) => {
    getPassword(): string | null;
    setPassword(password: string): void;
    deletePassword(): boolean;
  };
}

export type LoadKeyring = () => Promise<KeyringPackage>;

/** One service's secrets, by account. */
export interface Keyring {
  read(account: string): string | null;
  /** False when it was not kept. */
  write(account: string, secret: string): boolean;
  remove(account: string): boolean;
}

/** Null without the package. Whether a keyring answers is seen when it is asked; what it says of failures is never told. */
export async function openKeyring(service: string, load: LoadKeyring = loadPackage): Promise<Keyring | null> {
  let Entry: KeyringPackage["Entry"];
  try {
    ({ Entry } = await load());
  } catch {
    return null;
  }
  // Left to choose, it may take the kernel's keyring, which forgets everything at the next start.
  const entry = (account: string) => new Entry(service, account, { linux: { store: "secret-service" } });
  return {
    read: (account) => tried(() => entry(account).getPassword(), null),
    write: (account, secret) =>
      tried(() => {
        const kept = entry(account);
        kept.setPassword(secret);
        return kept.getPassword() === secret;
      }, false),
    remove: (account) => tried(() => entry(account).deletePassword(), false),
  };
}

function tried<T>(act: () => T, otherwise: T): T {
  try {
    return act();
  } catch {
    return otherwise;
  }
}

async function loadPackage(): Promise<KeyringPackage> {
  // Not a literal: an optional package, which need not be there when this is built.
  const name: string = "@napi-rs/keyring";
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package's own types are not there without it
  return (await import(name)) as KeyringPackage;
}
