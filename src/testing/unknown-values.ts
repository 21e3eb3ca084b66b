import type { Model } from 'casbin';
import { formatValue, type Rule } from '../policy/rule.ts';
import type { Request } from '../verification/requests.ts';
import { listComparisons } from './comparisons.ts';

const SHOWN_VALUES = 6;

/** Values that no rule has where it would have to, so most likely misspelt; with those that rules do have. */
export function findUnknownValues(model: Model, rules: readonly Rule[], request: Request): string[] {
  const permissions = rules.filter(({ ptype }) => ptype === 'p');
  return listComparisons(model).flatMap(({ kind, token, position, policyPosition }) => {
    const value = request[position] ?? '';
    const known = [...new Set(permissions.map(({ values }) => values[policyPosition] ?? ''))];
    if (kind !== 'equal' || known.length === 0 || known.includes(value)) return [];
    const shown = known.slice(0, SHOWN_VALUES).map(formatValue).join(', ');
    const more = known.length > SHOWN_VALUES ? ', …' : '';
    return [`no rule has ${token} = ${formatValue(value)}, only ${shown}${more}`];
  });
}
