import { effectOf, tokensOf } from '../casbin/model.ts';
import { SHOWN_ROWS, type StoredRule } from '../casbin/rule-row.ts';
import { asClient } from '../database/own-queries.ts';
import type { AnyTransaction, AskFurther } from '../database/transaction.ts';
import { formatRule, toRule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { givenRules, type RuleTable } from '../tables/rule-table.ts';
import type { RowId, VerificationFailure, VerificationReport } from '../verification-report.ts';
import type { Comparison } from './compare.ts';
import { decideAll, decisionOf } from './decide.ts';

/** For more rows it writes no statements, because a person has to read them before they are run. */
const MOST_MOVED_ROWS = 1_000;

/**
 * Finds which failures of a report are caused by the order of the rows, and what to do. It offers statements if only
 * defined rules would move; the library itself never changes stored rules.
 */
export async function explainRowOrder(
  askFurther: AskFurther,
  {
    model,
    configureEnforcer,
    defined,
    ruleTable,
  }: Omit<Verified, 'live'> & { readonly ruleTable: RuleTable },
  live: readonly StoredRule[],
  report: VerificationReport,
): Promise<VerificationReport> {
  const found = await findRowOrderFailures({ model, configureEnforcer, defined, live }, report.failures);
  if (found === null) return report;
  const { misplaced } = found;
  const definedRows = live.filter((rule) => defined.has(rule));
  const [others, statements] = await askFurther(async (trx) => {
    const behind = await findRowsBehind(trx, ruleTable, definedRows, misplaced);
    const isOffered = behind.length === 0 && misplaced.length <= MOST_MOVED_ROWS;
    return [behind, isOffered ? await writeStatements(trx, ruleTable, misplaced) : []];
  });
  const rowOrder = { advice: advise(found, others, statements), statements };
  return { ...report, failures: found.failures, rowOrder };
}

function advise(
  { misplaced, lacksPriority }: RowOrderFailures,
  others: readonly RowId[],
  statements: readonly string[],
): string {
  const what = 'The order of the rows decides, and a rule that is inserted later is stored last.';
  const field = lacksPriority ? ' Or give the policy definition of the model a field called priority.' : '';
  if (statements.length > 0) {
    return `${what} These statements put the defined rules in the order in which they are defined, and move nothing else.${field}`;
  }
  if (others.length === 0) {
    return `${what} Store the defined rules in the order in which they are defined (${misplaced.length} rows would have to move).${field}`;
  }
  const shown = others.slice(0, SHOWN_ROWS).join(', ');
  const more = others.length > SHOWN_ROWS ? ' and more' : '';
  return `${what} To store the defined rules in the order in which they are defined would move them behind rules that are not defined (id ${shown}${more}), so decide first where those belong.${field}`;
}

/** The ids of rows that are not defined, and that a defined row would follow if it was moved to the end. */
async function findRowsBehind(
  trx: AnyTransaction,
  table: RuleTable,
  definedRows: readonly StoredRule[],
  misplaced: readonly StoredRule[],
): Promise<RowId[]> {
  const idsOf = (rules: readonly StoredRule[]) => rules.map(({ id }) => String(id));
  const [id, first] = [`stored.${table.identity}`, `other.${table.identity}`];
  const { rows } = await asClient(trx).query(
    `select ${table.columns('stored')}
     from ${table.sql} stored
     where ${table.ptype('stored')} = any($1::text[])
     and ${id} > (
       select ${first} from ${table.sql} other where ${first}::text = any($2::text[]) order by ${first} limit 1
     )
     and ${id}::text <> all($3::text[])
     order by ${id}
     limit ${SHOWN_ROWS + 1}`,
    [[...new Set(misplaced.map(({ ptype }) => ptype))], idsOf(misplaced), idsOf(definedRows)],
  );
  return rows.map((row) => table.read(row).id);
}

/**
 * By what the rows hold, not by their ids: those that this transaction has inserted are gone when it is rolled back.
 * The server writes the literals, as only it knows its settings.
 */
async function writeStatements(
  trx: AnyTransaction,
  table: RuleTable,
  misplaced: readonly StoredRule[],
): Promise<string[]> {
  const spelled = table.spell(misplaced);
  const { rows } = await asClient(trx).query(
    `select
       string_agg(${spelled.comparedLiterals}, ', ' order by given.n) as compared,
       string_agg(${spelled.insertedLiterals}, ', ' order by given.n) as inserted
     from ${givenRules(spelled)}`,
    [...spelled.arrays],
  );
  return rows.flatMap(({ compared, inserted }) => [
    'begin;',
    `delete from ${table.sql} where ${spelled.compared} in (${compared});`,
    `insert into ${table.sql} (${table.written}) values ${inserted};`,
    'commit;',
  ]);
}

/** Failures that would not exist if the defined rules were stored in the order in which they are defined. */
interface RowOrderFailures {
  /** All failures; the reason of those that the order causes says so. */
  readonly failures: readonly VerificationFailure[];
  /** The defined rules that have to be stored again, in the order in which they are defined. */
  readonly misplaced: readonly StoredRule[];
  /** Whether a priority field would make the order of the rows irrelevant. */
  readonly lacksPriority: boolean;
}

/** A policy that was verified. */
type Verified = Pick<Comparison, 'model' | 'configureEnforcer' | 'defined' | 'live'>;

/**
 * Finds out which failures are due to the order of the rows: each of these requests is decided once more with the
 * defined rules in their order, and the added ones where they are. Null if there are none, or if rules are missing,
 * because these come first.
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
    if (answer?.error !== null || decisionOf(answer) !== failure.expected) continue;
    const why = explain(failure.rule, answer.rule);
    const message = `${failure.message.replace(/\.$/, '')}; ${why}.`;
    explained.set(failure, { ...failure, reason: `${failure.reason}; ${why}`, message });
  }
  if (explained.size === 0) return null;
  const effect = effectOf(model);
  // Under subjectPriority, the order of role links matters too: the last link of a subject decides.
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

/**
 * Creates a function that describes which rule is stored before which: the one that decides, and the one that should.
 */
function inversionFinder(defined: RuleSet, live: readonly StoredRule[]) {
  const stored = new Map(live.map((rule, place) => [defined.indexOf(rule), { rule, place }]));
  return (decides: readonly string[] | null, should: readonly string[]): string => {
    const first = defined.indexOf(toRule(decides ?? []));
    const second = defined.indexOf({ ptype: 'p', values: should });
    const [early, late] = [stored.get(first), stored.get(second)];
    const isInverted = first > second && second !== -1 && early !== undefined && late !== undefined;
    if (!isInverted || early.place > late.place) {
      return 'the order of the rows decides, and the defined rules are not stored in the order of their definition';
    }
    return `the order of the rows decides: "${formatRule(early.rule)}" (row ${early.rule.id}) is stored before "${formatRule(late.rule)}", which is defined before it`;
  };
}

/**
 * Finds the rules that have to move: all but those at the beginning of the definition that are stored before all
 * others. A rule that this transaction has inserted is stored last, so it always has to move.
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
