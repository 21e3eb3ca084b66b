import type { Model } from 'casbin';
import type { Rule } from '../policy/rule.ts';
import type { Answer } from './decide.ts';
import type { Coverage } from './report.ts';
import type { Request } from './requests.ts';
import { roleRoutes } from './role-route.ts';

/**
 * Measures which of the defined rules the expectations say anything about: the `p` rules that decided one, and the
 * role links on the way from a subject to them.
 */
export class CoverageMeter {
  readonly #defined: readonly Rule[];
  readonly #findRoute: ReturnType<typeof roleRoutes>;
  /** By identity: an answer has the values of the very rule that the enforcer was given. */
  readonly #covered = new Set<readonly string[]>();

  constructor(model: Model, defined: readonly Rule[]) {
    this.#defined = defined;
    this.#findRoute = roleRoutes(model, defined);
  }

  /** Takes a decision that was made on the defined rules into account. */
  add(request: Request, { rule: values }: Answer): void {
    if (values.length === 0) return;
    this.#covered.add(values);
    for (const link of this.#findRoute(request, { ptype: 'p', values }).links) this.#covered.add(link.values);
  }

  measure(): Coverage {
    const uncovered = this.#defined.filter(({ values }) => !this.#covered.has(values));
    return {
      covered: this.#defined.length - uncovered.length,
      total: this.#defined.length,
      uncovered: uncovered.map(({ ptype, values }) => [ptype, ...values]),
    };
  }
}
