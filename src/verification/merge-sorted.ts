/** The numbers of two ascending sequences, ascending, each once. */
export function* mergeSorted(one: Iterable<number>, other: Iterable<number>): Generator<number, void> {
  const [left, right] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  let [a, b] = [left.next(), right.next()];
  while (!a.done || !b.done) {
    const [first, second] = [a.done ? Infinity : a.value, b.done ? Infinity : b.value];
    yield Math.min(first, second);
    if (first <= second) a = left.next();
    if (second <= first) b = right.next();
  }
}
