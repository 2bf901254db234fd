/** Where the lines go that ask for the terminal. */
interface Helpers {
  toInit(line: string): void;
  toGuard(line: string): void;
}

/** The terminal that the tool and its program share: the tool has it alone while the program stands still. */
export class SharedTerminal {
  readonly #helpers: Helpers;
  #answer: ((yes: boolean) => void) | null = null;
  #isOver = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(helpers: Helpers) {
    this.#helpers = helpers;
  }

  /** One after the other: each waits until the one before has given it back. */
  borrow(): Promise<(() => void) | null> {
    let giveBack = (): void => {};
    const before = this.#turn;
    this.#turn = new Promise<void>((resolve) => {
      giveBack = resolve;
    });
    return before.then(async () => {
      const taken = await this.#take();
      if (!taken) {
        giveBack();
        return null;
      }
      let isBack = false;
      return () => {
        if (isBack) return;
        isBack = true;
        this.#helpers.toGuard("asked");
        this.#helpers.toInit("thaw");
        giveBack();
      };
    });
  }

  frozen(yes: boolean): void {
    this.#answer?.(yes);
  }

  asking(yes: boolean): void {
    this.#answer?.(yes);
  }

  /** Nobody answers any more. */
  ended(): void {
    this.#isOver = true;
    this.#answer?.(false);
  }

  async #take(): Promise<boolean> {
    if (!(await this.#asked(() => this.#helpers.toInit("freeze")))) return false;
    if (await this.#asked(() => this.#helpers.toGuard("ask"))) return true;
    this.#helpers.toInit("thaw");
    return false;
  }

  #asked(ask: () => void): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#answer = (yes) => {
        this.#answer = null;
        resolve(yes);
      };
      ask();
    });
  }
}
