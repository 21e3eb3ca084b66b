import type { Model } from 'casbin';
import { type ConfigureEnforcer, type RoleQuestion, roleAsker } from '../casbin/enforcer.ts';
import type { Request } from '../policy/definition.ts';
import { type Rule, toLine } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import type { Coverage } from '../verification-report.ts';
import { findNeeded } from './causes.ts';
import type { Answer } from './decide.ts';
import { roleRoutes } from './explain-answer.ts';

/**
 * Measures which of the defined rules the expectations test: the `p` rules that decided one, and the role links between
 * its subject and that rule.
 */
export class CoverageMeter {
  readonly #model: Model;
  readonly #defined: RuleSet;
  readonly #configureEnforcer: ConfigureEnforcer | undefined;
  readonly #findRoute: ReturnType<typeof roleRoutes>;
  /** Rules that are used in addition to the defined ones, and are not measured. */
  readonly #given: readonly Rule[];
  /** How many requests depended on each of the rules. */
  readonly #requests: Uint32Array;
  /** The questions that only a role manager can answer, each once. */
  readonly #open = new Map<string, RoleQuestion>();

  constructor(
    model: Model,
    defined: RuleSet,
    configureEnforcer: ConfigureEnforcer | undefined,
    given: readonly Rule[] = [],
    requests: Uint32Array = new Uint32Array(defined.rules.length),
  ) {
    this.#model = model;
    this.#defined = defined;
    this.#configureEnforcer = configureEnforcer;
    this.#given = given;
    this.#findRoute = roleRoutes(model, [...defined.rules, ...given]);
    this.#requests = requests;
  }

  /** A meter for decisions that use other rules too. What it measures also counts for this one. */
  beside(given: readonly Rule[]): CoverageMeter {
    return new CoverageMeter(this.#model, this.#defined, this.#configureEnforcer, given, this.#requests);
  }

  /** How many requests depended on each of the defined rules. Complete only after everything was measured. */
  get requests(): readonly number[] {
    return [...this.#requests];
  }

  /** Takes a decision that was made on the defined rules into account. */
  add(request: Request, { rule: values }: Answer): void {
    if (values.length === 0) return;
    const rule = { ptype: 'p', values };
    const { links, open } = this.#findRoute(request, rule);
    this.#cover(rule);
    for (const link of links) this.#cover(link);
    if (this.#configureEnforcer === undefined) return;
    for (const question of open) {
      const { ptype, from, to, domains } = question;
      this.#open.set(JSON.stringify([ptype, from, to, ...domains]), question);
    }
  }

  /** Creates enforcers of its own, so call it when the enforcer that made the decisions is not used any more. */
  async measure(): Promise<Coverage> {
    const { rules } = this.#defined;
    await this.askRoleManagers();
    const uncovered = this.#listUncovered();
    return {
      covered: rules.length - uncovered.length,
      total: rules.length,
      uncovered: uncovered.map(toLine),
    };
  }

  /** Finds the links that only a role manager can tell; a part of measuring. */
  async askRoleManagers(): Promise<void> {
    if (this.#open.size === 0) return;
    for (const link of await this.#findMatchedLinks()) this.#cover(link);
  }

  #cover(rule: Rule): void {
    const position = this.#defined.indexOf(rule);
    if (position !== -1) this.#requests[position] = (this.#requests[position] ?? 0) + 1;
  }

  #listUncovered(): Rule[] {
    // A definition that lint reports may have a rule twice: each of its places counts as the first.
    return this.#defined.rules.filter((_, position) => this.#requests[this.#defined.firstOf(position)] === 0);
  }

  /**
   * Links that had an effect only through a role manager, such as patterns of names or domains. The enforcer is asked
   * which answers change without them.
   */
  async #findMatchedLinks(): Promise<Rule[]> {
    const candidates = this.#listUncovered().filter(({ ptype }) => ptype.startsWith('g'));
    if (candidates.length === 0) return [];
    const left = new Set(candidates);
    const known = this.#defined.rules
      .filter(({ ptype }) => ptype.startsWith('g'))
      .filter((rule) => !left.has(rule));
    const found: Rule[] = [];
    const holdsWith = (more: readonly Rule[]) => {
      // In the order of the enforcer, as matching functions may depend on it.
      const links = [...known, ...found, ...more, ...this.#given];
      return roleAsker(this.#model, links, this.#configureEnforcer);
    };
    let questions = await keepAnswered([...this.#open.values()], holdsWith(candidates), true);
    while (questions.length > 0) {
      questions = await keepAnswered(questions, holdsWith([]), false);
      const question = questions.shift();
      if (question === undefined) break;
      const needed = await findNeeded(
        (links) => holdsWith(links)(question),
        candidates.filter((rule) => !found.includes(rule)),
      );
      found.push(...needed);
    }
    return found;
  }
}

/** The questions with this answer. */
async function keepAnswered(
  questions: readonly RoleQuestion[],
  ask: (question: RoleQuestion) => Promise<boolean>,
  answer: boolean,
): Promise<RoleQuestion[]> {
  const kept: RoleQuestion[] = [];
  for (const question of questions) if ((await ask(question)) === answer) kept.push(question);
  return kept;
}
