import type { Model } from 'casbin';
import type { RuleSet } from '../policy/rule-set.ts';
import type { Answer } from './decide.ts';
import type { Coverage } from './report.ts';
import type { Request } from './requests.ts';
import { roleRoutes } from './role-route.ts';

/**
 * Measures which of the defined rules the expectations say anything about: the `p` rules that decided one, and the
 * role links on the way from a subject to them.
 */
export class CoverageMeter {
  readonly #defined: RuleSet;
  readonly #findRoute: ReturnType<typeof roleRoutes>;
  /** Whether each of the rules is covered. */
  readonly #covered: Uint8Array;

  constructor(model: Model, defined: RuleSet) {
    this.#defined = defined;
    this.#findRoute = roleRoutes(model, defined.rules);
    this.#covered = new Uint8Array(defined.rules.length);
  }

  /** Takes a decision that was made on the defined rules into account. */
  add(request: Request, { rule: values }: Answer): void {
    if (values.length === 0) return;
    const rule = { ptype: 'p', values };
    for (const one of [rule, ...this.#findRoute(request, rule).links]) {
      this.#covered[this.#defined.indexOf(one)] = 1;
    }
  }

  measure(): Coverage {
    const { rules } = this.#defined;
    const uncovered = rules.filter((_, position) => this.#covered[position] === 0);
    return {
      covered: rules.length - uncovered.length,
      total: rules.length,
      uncovered: uncovered.map(({ ptype, values }) => [ptype, ...values]),
    };
  }
}
