import { type Rule, ruleKey } from '../policy/rule.ts';
import type { Answer } from './decide.ts';
import type { Request } from './requests.ts';

/** Decides requests on a policy of just these rules. */
export type Decide = (rules: readonly Rule[], requests: readonly Request[]) => Promise<Answer[]>;

/** A request that the defined rules alone decide otherwise. */
export interface Difference {
  readonly request: Request;
  readonly answer: Answer;
  /** The added rules that took part, ptype first. */
  readonly suspects: readonly (readonly string[])[];
}

/**
 * Finds for each difference the added rules that make it, which may be others than those that took part: a role
 * link can change the order of the rules, a rule can stop Casbin from getting as far as the next one.
 *
 * @param live the policy that was judged, in its order
 * @param isDefined tells which of it is not added
 */
export async function findCulprits(
  decide: Decide,
  live: readonly Rule[],
  isDefined: (rule: Rule) => boolean,
  differences: readonly Difference[],
): Promise<Map<Difference, Rule[]>> {
  const culprits = new Map<Difference, Rule[]>();
  for (const group of groupBySuspects(differences)) {
    const suspects = new Set(group[0]?.suspects.map((rule) => JSON.stringify(rule)));
    const rules = live.filter((rule) => isDefined(rule) || suspects.has(ruleKey(rule)));
    const answers = await decide(
      rules,
      group.map(({ request }) => request),
    );
    for (const [index, difference] of group.entries()) {
      const guilty = isSameAnswer(answers[index], difference.answer)
        ? rules.filter((rule) => !isDefined(rule))
        : await narrowDown(decide, live, isDefined, difference);
      culprits.set(difference, guilty);
    }
  }
  return culprits;
}

function groupBySuspects(differences: readonly Difference[]): Difference[][] {
  const groups = new Map<string, Difference[]>();
  for (const difference of differences) {
    const key = JSON.stringify(difference.suspects);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [difference]);
    else group.push(difference);
  }
  return [...groups.values()];
}

/**
 * Added rules that are enough for the answer, and none of them for nothing: the last one of the shortest
 * beginning of the list that gives the answer is needed, then likewise among those before it.
 */
async function narrowDown(
  decide: Decide,
  live: readonly Rule[],
  isDefined: (rule: Rule) => boolean,
  { request, answer }: Difference,
): Promise<Rule[]> {
  const needed = new Set<Rule>();
  const isEnough = async (added: readonly Rule[]) => {
    const some = new Set([...needed, ...added]);
    const [given] = await decide(
      live.filter((rule) => isDefined(rule) || some.has(rule)),
      [request],
    );
    return isSameAnswer(given, answer);
  };
  let candidates = live.filter((rule) => !isDefined(rule));
  while (candidates.length > 0 && !(await isEnough([]))) {
    let [tooShort, enough] = [0, candidates.length];
    while (enough - tooShort > 1) {
      const middle = Math.floor((tooShort + enough) / 2);
      if (await isEnough(candidates.slice(0, middle))) enough = middle;
      else tooShort = middle;
    }
    const last = candidates[enough - 1];
    if (last !== undefined) needed.add(last);
    candidates = candidates.slice(0, enough - 1);
  }
  return live.filter((rule) => needed.has(rule));
}

function isSameAnswer(one: Answer | undefined, other: Answer): boolean {
  return one?.allowed === other.allowed && (one.error === null) === (other.error === null);
}
