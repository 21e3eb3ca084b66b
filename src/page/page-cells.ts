import { tokensOf } from '../casbin/model.ts';
import { getOrAdd } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { formatRule, type Rule, ruleKey, toRule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { Answer } from '../verification/decide.ts';
import { type Explain, explainer } from '../verification/explain-answer.ts';
import { subjectOf } from '../verification/parts.ts';
import type { Explanation, RowId } from '../verification-report.ts';
import type { CELL_STATES, PageMatrix, PageRoute, PageRule } from './page-data.ts';
import type { PagePolicy } from './page-policy.ts';

type StateKey = keyof typeof CELL_STATES;

/** The cells of a role, while they are collected. */
interface CollectedRow {
  readonly at: number[];
  states: string;
  readonly rules: number[];
  readonly routes: number[];
}

/**
 * Collects explained decisions. Many cells share a rule, or the path of roles to it, so each of those is kept once and
 * has a number.
 */
export class CellCollector {
  readonly #policy: PagePolicy;
  readonly #unlisted: Answer;
  readonly #explain: Explain;
  /** The decisions of the definition. */
  readonly #explainDefined: Explain;
  readonly #stored: ReadonlyMap<string, RowId | undefined>;
  /** The position of the subject in requests and rules. */
  readonly #subjectAt: { readonly request: number; readonly policy: number };
  readonly #rules = new Numbered<PageRule>();
  readonly #routes = new Numbered<PageRoute>();

  /** @param unlisted the answer to all requests that no rule can match: cells with the same answer are left out */
  constructor(policy: PagePolicy, unlisted: Answer) {
    const { model, rules, defined } = policy;
    this.#policy = policy;
    this.#unlisted = unlisted;
    this.#explain = explainer(model, rules, defined ?? new RuleSet(rules));
    this.#explainDefined = defined === null ? this.#explain : explainer(model, defined.rules, defined);
    const subject = subjectOf(model);
    this.#subjectAt = {
      request: tokensOf(model, 'r').indexOf(subject),
      policy: tokensOf(model, 'p').indexOf(subject),
    };
    this.#stored = new Map(rules.map((rule) => [ruleKey(rule), rule.id]));
  }

  createRow(): CollectedRow {
    return { at: [], states: '', rules: [], routes: [] };
  }

  /** @param expected the answer of the definition */
  add(row: CollectedRow, column: number, request: Request, answer: Answer, expected: Answer): void {
    const isMissing = !answer.allowed && expected.allowed;
    const explanation = isMissing ? this.#explainDefined(request, expected) : this.#explain(request, answer);
    const state = this.#stateOfCell(request, answer, expected, explanation);
    if (state === null || (state === 'o' && this.#unlisted.allowed)) return;
    row.at.push(column);
    row.states += state;
    row.rules.push(explanation.rule === null ? -1 : this.#numberRule(toRule(explanation.rule)));
    row.routes.push(this.#numberRoute(explanation, answer.error));
  }

  finish(): Pick<PageMatrix, 'rules' | 'routes'> {
    return { rules: this.#rules.all, routes: this.#routes.all };
  }

  /** Null for a request that is denied because no rule allows it, as defined. */
  #stateOfCell(
    request: Request,
    answer: Answer,
    expected: Answer,
    { rule, rolePath }: Explanation,
  ): StateKey | null {
    if (answer.error !== null) return 'e';
    if (answer.allowed !== expected.allowed) return answer.allowed ? 'a' : 'm';
    if (!answer.allowed) return rule === null ? null : 'x';
    if (rule === null) return 'o';
    if (rolePath.length > 0) return rolePath.length > 1 ? 'i' : 'd';
    // There is no path of links: patterns of a role manager or a matcher decide, or the rule is for the role itself.
    const { request: inRequest, policy: inRule } = this.#subjectAt;
    return inRule === -1 || rule[inRule + 1] === request[inRequest] ? 'd' : 'i';
  }

  #numberRule(rule: Rule): number {
    return this.#rules.number(ruleKey(rule), () => ({
      text: formatRule(rule),
      id: this.#stored.get(ruleKey(rule)) ?? null,
      state: this.#stateOfRule(rule),
    }));
  }

  #stateOfRule(rule: Rule): PageRule['state'] {
    if (!this.#stored.has(ruleKey(rule))) return 'missing';
    return this.#policy.defined?.has(rule) === false ? 'added' : 'defined';
  }

  /** Empty if no rule decides, because the reason is then always the same. */
  #numberRoute({ rule, rolePath: path, ids, added }: Explanation, error: string | null): number {
    if (rule === null && error === null) return -1;
    const own = rule === null ? null : toRule(rule);
    const ownId = own === null ? undefined : this.#stored.get(ruleKey(own));
    const ofLinks = ids.filter((id) => id !== ownId);
    const links = added.map(toRule).filter((one) => own === null || ruleKey(one) !== ruleKey(own));
    return this.#routes.number(JSON.stringify([path, ofLinks, error]), () => ({
      path,
      ids: ofLinks,
      added: links.map(formatRule),
      error,
    }));
  }
}

/** Values with their numbers, in the order in which they were found. */
class Numbered<T> {
  readonly all: T[] = [];
  readonly #numbers = new Map<string, number>();

  number(key: string, create: () => T): number {
    return getOrAdd(this.#numbers, key, () => this.all.push(create()) - 1);
  }
}
