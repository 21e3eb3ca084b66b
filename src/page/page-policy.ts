import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { RowId } from '../verification-report.ts';

/** The policy that a page is about. */
export interface PagePolicy {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  /** The rules that decide; with the ids of their rows, if they are stored. */
  readonly rules: readonly (Rule & { readonly id?: RowId })[];
  /** The definition that it is compared with; null if there is none, or if the page is about the definition alone. */
  readonly defined: RuleSet | null;
  /** The rules of both, the defined ones first, without the links of users to roles. */
  readonly roleRules: readonly Rule[];
  /** Requests that the definition lists. They are used for models whose rules do not tell which requests there are. */
  readonly listed: readonly Request[];
}
