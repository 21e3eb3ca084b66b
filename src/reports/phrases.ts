/** `1 rule`, `2 rules`, `1,234 rules`; pass the plural where it is not the noun and an s. */
export function count(amount: number, noun: string, plural = `${noun}s`): string {
  return `${amount.toLocaleString('en-US')} ${amount === 1 ? noun : plural}`;
}

/** Values as a policy line has them: `p, user, accounts, read`. */
export function policyLine(values: readonly string[]): string {
  return values.join(', ');
}

/** A duration as a person reads it: `85 ms`, `2.4 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
