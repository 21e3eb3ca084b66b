import type { Model } from 'casbin';
import { ruleLengthsOf } from '../casbin/model.ts';
import type { Rule } from '../policy/rule.ts';

/** A role link as Casbin makes it of a stored rule. */
export interface Link<Stored extends Rule> extends Rule {
  readonly stored: Stored;
}

/**
 * The role links that Casbin makes of a policy: values beyond what the model defines are cut off, rules of a
 * ptype that it lacks are left out.
 */
export function loadLinks<Stored extends Rule>(model: Model, rules: readonly Stored[]): Link<Stored>[] {
  const lengths = ruleLengthsOf(model);
  return rules
    .filter(({ ptype }) => ptype.startsWith('g') && lengths.has(ptype))
    .map((stored) => ({
      ptype: stored.ptype,
      values: stored.values.slice(0, lengths.get(stored.ptype)),
      stored,
    }));
}
