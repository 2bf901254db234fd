/** Cuts the text of a stream of server-sent events into its events, each as its lines. */
export class EventCutter {
  /** Of the event that has not ended. */
  #lines: string[] = [];
  /** Of the line that has not ended. */
  #line: string[] = [];
  #size = 0;
  /** A line break of two characters may come in two pieces. */
  #held = "";

  /** Characters of the event that has not ended. */
  get pending(): number {
    return this.#size;
  }

  /** The events that are whole now. */
  cut(text: string): readonly (readonly string[])[] {
    const whole: (readonly string[])[] = [];
    const all = this.#held + text;
    this.#held = all.endsWith("\r") ? "\r" : "";
    const [first = "", ...others] = (this.#held === "" ? all : all.slice(0, -1)).split(/\r\n|\r|\n/);
    this.#take(first);
    for (const next of others) {
      const line = this.#line.join("");
      this.#line = [];
      if (line !== "") this.#lines.push(line);
      else {
        if (this.#lines.length > 0) whole.push(this.#lines);
        this.#lines = [];
        this.#size = 0;
      }
      this.#take(next);
    }
    return whole;
  }

  #take(text: string): void {
    if (text === "") return;
    this.#line.push(text);
    this.#size += text.length;
  }
}
