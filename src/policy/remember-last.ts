/** The function, called only when it is asked for other texts than the last time. */
export function rememberLast<V>(compute: (...texts: string[]) => V): (...texts: string[]) => V {
  let last: { readonly texts: readonly string[]; readonly value: V } | null = null;
  return (...texts) => {
    if (last === null || texts.some((text, index) => text !== last?.texts[index])) {
      last = { texts, value: compute(...texts) };
    }
    return last.value;
  };
}
