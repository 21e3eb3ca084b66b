import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { formatValue } from '../policy/rule.ts';
import type { Expectation } from '../verification/expectations.ts';
import { NO_ROLE } from '../verification/requests.ts';

/**
 * An expectation as a sentence: `readonly may not write accounts`, `alice may read data1 in tenant1`. For models
 * whose requests are something else than sub, obj, act and dom: `"alice, 18" is allowed`.
 */
export function titleOf(model: Model, { request, expected, kind }: Expectation): string {
  const tokens = tokensOf(model, 'r');
  const take = (token: string) => formatName(request[tokens.indexOf(token)] ?? '');
  const within = tokens.includes('dom') ? ` in ${take('dom')}` : '';
  const may = kind === 'never' ? 'may never' : expected === 'allow' ? 'may' : 'may not';
  switch (tokens.filter((token) => token !== 'dom').join(' ')) {
    case 'sub obj act':
      return `${take('sub')} ${may} ${take('act')} ${take('obj')}${within}`;
    default: {
      const must = kind === 'never' ? 'is never allowed' : expected === 'allow' ? 'is allowed' : 'is denied';
      return `"${request.map(formatName).join(', ')}" ${must}`;
    }
  }
}

function formatName(value: string): string {
  return value === NO_ROLE ? 'a subject without any role' : formatValue(value);
}
