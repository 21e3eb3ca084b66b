import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { tokensOf } from '../casbin/model.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { decideAll, verdictOf } from './decide.ts';
import type { VerificationFailure } from './report.ts';

/** Failures that there would be none of, were the defined rules stored in the order in which they are defined. */
export interface RowOrderFailures {
  /** All failures; those of the order say so in their reason. */
  readonly failures: readonly VerificationFailure[];
  /** The defined rules that have to be stored anew, in the order in which they are defined. */
  readonly misplaced: readonly StoredRule[];
  /** Whether a priority field would make the order of the rows irrelevant. */
  readonly lacksPriority: boolean;
}

/** Where the policy was verified, and what by. */
interface Verified {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly defined: RuleSet;
  readonly live: readonly StoredRule[];
}

/**
 * Finds out which failures are due to the order of the rows: each of these requests is decided once more with the
 * defined rules in their order, and the added ones where they are. Null where none is, or where rules are missing,
 * as that comes first.
 */
export async function findRowOrderFailures(
  { model, configureEnforcer, defined, live }: Verified,
  failures: readonly VerificationFailure[],
): Promise<RowOrderFailures | null> {
  const suspects = failures.filter(({ kind }) => kind === 'decision' || kind === 'never');
  if (suspects.length === 0 || defined.without(live).length > 0) return null;
  const ordered = inDefinedOrder(defined, live);
  const requests = suspects.map(({ request }) => request);
  const answers = await decideAll(model, ordered, requests, configureEnforcer);
  const explain = inversionFinder(defined, live);
  const explained = new Map<VerificationFailure, VerificationFailure>();
  for (const [index, failure] of suspects.entries()) {
    const answer = answers[index];
    if (answer?.error !== null || verdictOf(answer) !== failure.expected) continue;
    const why = explain(failure.rule, answer.rule);
    const message = `${failure.message.replace(/\.$/, '')}; ${why}.`;
    explained.set(failure, { ...failure, reason: `${failure.reason}; ${why}`, message });
  }
  if (explained.size === 0) return null;
  const effect = model.model.get('e')?.get('e')?.value ?? '';
  // By subjects, role links decide too: which of a subject's links comes last.
  const bySubjects = effect.startsWith('subjectPriority');
  const ptypes = bySubjects ? [...new Set(defined.rules.map(({ ptype }) => ptype))] : ['p'];
  const misplaced = ptypes.flatMap((ptype) => findMisplaced(ptype, defined, live));
  if (misplaced.length === 0) return null;
  return {
    failures: failures.map((failure) => explained.get(failure) ?? failure),
    misplaced,
    lacksPriority: effect.startsWith('priority(') && !tokensOf(model, 'p').includes('priority'),
  };
}

function inDefinedOrder(defined: RuleSet, live: readonly StoredRule[]): StoredRule[] {
  const positions = live.map((rule) => defined.indexOf(rule));
  const sorted = live
    .map((rule, index) => ({ rule, position: positions[index] ?? -1 }))
    .filter(({ position }) => position !== -1)
    .sort((one, other) => one.position - other.position)
    .values();
  return live.map((rule, index) => (positions[index] === -1 ? rule : (sorted.next().value?.rule ?? rule)));
}

/** Makes a function that tells which rule stands before which, by the values of the one that decides and should. */
function inversionFinder(defined: RuleSet, live: readonly StoredRule[]) {
  const stored = new Map(live.map((rule, place) => [defined.indexOf(rule), { rule, place }]));
  return (decides: readonly string[] | null, should: readonly string[]): string => {
    const first = defined.indexOf(toRule(decides ?? []));
    const second = defined.indexOf({ ptype: 'p', values: should });
    const [early, late] = [stored.get(first), stored.get(second)];
    const isInverted = first > second && second !== -1 && early !== undefined && late !== undefined;
    if (!isInverted || early.place > late.place) {
      return 'the order of the rows decides, and the defined rules are stored in another order than they are defined in';
    }
    return `the order of the rows decides: "${formatRule(early.rule)}" (row ${early.rule.id}) is stored before "${formatRule(late.rule)}", which is defined before it`;
  };
}

function toRule([ptype = '', ...values]: readonly string[]): Rule {
  return { ptype, values };
}

/**
 * All but those at the beginning of the definition that are stored before all others. What was only just inserted,
 * and will be gone when that is rolled back, is never among those: it is stored last.
 */
function findMisplaced(ptype: string, defined: RuleSet, live: readonly StoredRule[]): StoredRule[] {
  const places = new Map(live.map((rule, place) => [defined.indexOf(rule), { rule, place }]));
  const rows = defined.rules.flatMap((rule, position) =>
    rule.ptype === ptype ? (places.get(position) ?? []) : [],
  );
  let misplacedFrom = rows.length;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, { place }] of [...rows.entries()].reverse()) {
    if (place > least) misplacedFrom = index;
    least = Math.min(least, place);
  }
  return rows.slice(misplacedFrom).map(({ rule }) => rule);
}
