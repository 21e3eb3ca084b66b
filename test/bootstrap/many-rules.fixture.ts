/** A definition of more rules than are read or written at once, each of which allows one request. */
export function policyOfManyRules(count = 12_000) {
  return { rules: Array.from({ length: count }, (_, n) => ['p', `role${n % 100}`, `data${n}`, 'read']) };
}
