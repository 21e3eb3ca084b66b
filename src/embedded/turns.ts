/** Lets one caller at a time go on, in the order in which they asked. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves, when all earlier turns are over, to the function that ends this one. */
  async take(): Promise<() => void> {
    const previous = this.#last;
    let end = () => {};
    this.#last = new Promise((resolve) => {
      end = resolve;
    });
    await previous;
    return end;
  }
}
