import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { linkedTokens } from '../casbin/scope.ts';
import { addTo } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { type Rule, ruleKey } from '../policy/rule.ts';
import { type Answer, paced } from './decide.ts';
import type { RuleIndex } from './rule-index.ts';

/** A policy that decides differently than the definition, and how to decide on parts of it. */
export interface AddedTo {
  isDefined(rule: Rule): boolean;
  /** The part of the policy that decides these requests as the whole policy does; see {@link partFinder}. */
  partFor(requests: readonly Request[]): readonly Rule[];
  /** Decides requests on a policy of just these rules. */
  decide(rules: readonly Rule[], requests: readonly Request[]): Promise<Answer[]>;
}

/** A request that the defined rules alone decide differently. */
export interface Difference {
  readonly request: Request;
  readonly answer: Answer;
  /** The added rules that took part in the answer. */
  readonly involved: readonly Rule[];
}

/**
 * Finds the added rules that cause each difference. They may be others than those that took part: a role link can
 * change the order of the rules, and a rule can stop Casbin from evaluating the next one.
 */
export async function findCauses<D extends Difference>(
  policy: AddedTo,
  differences: readonly D[],
): Promise<Map<D, readonly Rule[]>> {
  const causes = new Map<D, readonly Rule[]>();
  for await (const group of paced(groupByInvolved(differences))) {
    const involved = new Set(group[0]?.involved.map(ruleKey));
    const requests = group.map(({ request }) => request);
    const rules = policy
      .partFor(requests)
      .filter((rule) => policy.isDefined(rule) || involved.has(ruleKey(rule)));
    const answers = await policy.decide(rules, requests);
    for (const [index, difference] of group.entries()) {
      const areEnough = isSameAnswer(answers[index], difference.answer);
      causes.set(difference, areEnough ? difference.involved : await narrowDown(policy, difference));
    }
  }
  return causes;
}

function groupByInvolved<D extends Difference>(differences: readonly D[]): Iterable<readonly D[]> {
  const groups = new Map<string, D[]>();
  for (const difference of differences) addTo(groups, difference.involved.map(ruleKey).join(), difference);
  return groups.values();
}

/** Added rules that cause the answer together, each of them necessary, in the order of the policy. */
async function narrowDown(policy: AddedTo, { request, answer }: Difference): Promise<Rule[]> {
  const part = policy.partFor([request]);
  const isEnough = async (added: readonly Rule[]) => {
    const some = new Set(added);
    const rules = part.filter((rule) => policy.isDefined(rule) || some.has(rule));
    const [given] = await policy.decide(rules, [request]);
    return isSameAnswer(given, answer);
  };
  const needed = new Set(
    await findNeeded(
      isEnough,
      part.filter((rule) => !policy.isDefined(rule)),
    ),
  );
  return part.filter((rule) => needed.has(rule));
}

function isSameAnswer(one: Answer | undefined, other: Answer): boolean {
  return one?.allowed === other.allowed && (one.error === null) === (other.error === null);
}

/**
 * Makes a function that gives the part of a policy which decides some requests as the whole policy does, also when
 * added rules are left out of both: the `p` rules that can match one of them, and the links that lead on from
 * their values.
 *
 * It is the whole policy if that part can't be found: without an index, if links are followed from other values than
 * the request's, if the links of all subjects determine the order of the rules, and if a priority is not a number.
 *
 * @param index of the same policy
 */
export function partFinder(
  model: Model,
  live: readonly Rule[],
  isDefined: (rule: Rule) => boolean,
  index: RuleIndex | null,
): AddedTo['partFor'] {
  const linked = linkedTokens(model);
  if (index === null || linked === null || !hasSortablePriorities(model, live)) return () => live;

  const requestTokens = tokensOf(model, 'r');
  const linkedPositions = [...new Set(linked)].map((token) => requestTokens.indexOf(token));
  // By identity. Rows of a rule that is stored twice may share their values; the first of them decides.
  const positions = new Map<readonly string[], number>();
  const linksOf = new Map<string, number[]>();
  for (const [position, { ptype, values }] of live.entries()) {
    if (ptype.startsWith('g')) addTo(linksOf, values[0] ?? '', position);
    else if (ptype === 'p' && !positions.has(values)) positions.set(values, position);
  }
  // Without any rule, Casbin evaluates the matcher with empty values. So if the policy has a rule, the part has one
  // too.
  const isPolicyRule = ({ ptype }: Rule) => ptype === 'p';
  const firstDefined = live.findIndex((rule) => isPolicyRule(rule) && isDefined(rule));
  const first = firstDefined === -1 ? Math.max(live.findIndex(isPolicyRule), 0) : firstDefined;
  return (requests) => {
    const part = new Set([first]);
    const names = new Set<string>();
    for (const request of requests) {
      for (const values of index.find(request)) part.add(positions.get(values) ?? first);
      for (const position of linkedPositions) names.add(request[position] ?? '');
    }
    for (const name of names) {
      for (const position of linksOf.get(name) ?? []) {
        part.add(position);
        names.add(live[position]?.values[1] ?? '');
      }
    }
    return [...part].sort((a, b) => a - b).flatMap((position) => live[position] ?? []);
  };
}

/** Whether Casbin's sort by priority puts a part of the rules in the same order as within the whole policy. */
function hasSortablePriorities(model: Model, live: readonly Rule[]): boolean {
  const position = tokensOf(model, 'p').indexOf('priority');
  if (position === -1) return true;
  return live.every(
    ({ ptype, values }) => ptype !== 'p' || !Number.isNaN(Number.parseInt(values[position] ?? '', 10)),
  );
}

/**
 * Finds candidates that are enough together, each of them necessary. The last one of the shortest sufficient beginning
 * of the list is needed; then the same is done with those before it.
 */
export async function findNeeded<T>(
  isEnough: (some: readonly T[]) => Promise<boolean>,
  candidates: readonly T[],
): Promise<T[]> {
  const needed: T[] = [];
  let rest = candidates;
  while (rest.length > 0 && !(await isEnough(needed))) {
    let [tooFew, enough] = [0, rest.length];
    while (enough - tooFew > 1) {
      const middle = Math.floor((tooFew + enough) / 2);
      if (await isEnough([...needed, ...rest.slice(0, middle)])) enough = middle;
      else tooFew = middle;
    }
    needed.push(...rest.slice(enough - 1, enough));
    rest = rest.slice(0, enough - 1);
  }
  return needed;
}
