import { isRuleValues } from '../casbin/rule-row.ts';
import type { ClientLike } from '../database/client.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { withoutIndexes } from './indexes.ts';
import { onRuleTable, requireStorable } from './refusals.ts';

/**
 * Inserts the rules that the table does not hold yet, with ids in the order given, in one statement. Others may
 * insert the same rules at the same moment, in any order: each is stored once, and nobody ends in a deadlock.
 *
 * `table` is the quoted name. Throws an InvalidOptionsError for a value that can't be stored, and a DatabaseError
 * for a rule too long for the index, or a table that is missing or not unique on (ptype, rule).
 */
export async function insertRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  const parameters = [...toParameters(rules), table];
  await onRuleTable(table, rules, () => client.query(insertMissing(table), parameters));
}

// The sort has read everything before the first rule is written, so each lock is held by then.
function insertMissing(table: string): string {
  return `
    with missing as materialized (
      select given.n, given.ptype, given.document
      from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
      where not exists (
        select from ${table} stored
        where stored.ptype = given.ptype
        and stored.rule = given.document::jsonb
      )
    ),
    ${locksOfMissing('$3')}
    insert into ${table} (ptype, rule)
    select missing.ptype, missing.document::jsonb
    from missing
    cross join locked
    order by missing.n
    on conflict (ptype, rule) do nothing`;
}

/** The first halves of the keys of our locks, so that nobody else's meet them: "csbr" and "csbt" in ASCII. */
const RULES = 0x63736272;
const TABLES = 0x63736274;

/** So many locks PostgreSQL has room for in each transaction, unless max_locks_per_transaction says otherwise. */
const FEW = 64;

/**
 * The common table expressions that lock the rules of another one, `missing`, until the transaction ends; the last
 * of them is `locked`, one row.
 *
 * Ids come in the order of writing, which is the order given, whatever makes them. So two who insert several of the
 * same rules in different orders would each wait for a rule of the other's. Therefore all who insert several lock
 * them before, in one order: each rule by itself, or, where there are many, all rules of the table at once. Who
 * inserts a single rule holds nothing that others wait for while it waits.
 *
 * @param table the parameter with the quoted name
 */
function locksOfMissing(table: string): string {
  const id = `${table}::regclass::oid`;
  const key = `hashtext(concat(${id}, ' ', ptype, ' ', document))`;
  return `
    turn as materialized (
      select
        case when count(*) <= ${FEW}
          then pg_advisory_xact_lock_shared(${TABLES}, ${id}::int)
          else pg_advisory_xact_lock(${TABLES}, ${id}::int)
        end,
        case when count(*) <= ${FEW} then array_agg(distinct ${key} order by ${key}) end as keys
      from missing
      having count(*) > 1
    ),
    locked as materialized (
      select count(pg_advisory_xact_lock(${RULES}, key))
      from turn
      cross join unnest(turn.keys) as key
    )`;
}

/** How many rules one statement takes. */
const PORTION = 10_000;

/** From so many rules on, a new table is faster to fill without its indexes. */
const MANY = 1_000;

/**
 * Inserts the rules that the table does not hold yet, and returns those. Ids come in the order given, and the rows
 * lie in it too, as a stock adapter reads them. Errors are those of {@link insertRules}.
 *
 * It works in portions, so that neither side ever holds all rules as text. The caller sees to a transaction, and
 * that nobody else seeds this table meanwhile; others may insert the same rules, as by {@link insertRules}.
 *
 * @param report is told how many of the rules are seen to
 */
export async function seedRules(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
  report: (done: number) => void = () => {},
): Promise<Rule[]> {
  requireStorable(rules);
  const missing = await onRuleTable(table, rules, () => findMissing(client, table, rules));
  if (missing.length === 0) return [];
  const existing = rules.length - missing.length;
  const write = (onConflict: string) =>
    writePortions(client, table, missing, onConflict, (done) => report(existing + done));
  if (missing.length >= MANY) {
    const written = await onRuleTable(table, rules, () => withoutIndexes(client, table, () => write('')));
    if (written !== null) return written;
  }
  await lockRules(client, table, missing);
  return write(ON_CONFLICT);
}

/** Reads what is stored, so that the server plans no join: on a table that was never analyzed it plans it badly. */
async function findMissing(client: ClientLike, table: string, rules: readonly Rule[]): Promise<Rule[]> {
  const given = new RuleSet(rules);
  const isStored = new Uint8Array(rules.length);
  const names = new Set(rules.map(({ values }) => values[0]));
  await client.query(
    `declare casbin_bootstrap_stored no scroll cursor for
     select ptype, rule from ${table} where rule ->> 0 = any ($1::text[])`,
    [[...names]],
  );
  for (let count = PORTION; count === PORTION; ) {
    const { rows } = await client.query(`fetch ${PORTION} from casbin_bootstrap_stored`);
    for (const { ptype, rule } of rows) {
      // A row that holds no rule is told of by whoever loads the policy.
      if (isRuleValues(rule)) isStored[given.indexOf({ ptype, values: rule })] = 1;
    }
    count = rows.length;
  }
  await client.query('close casbin_bootstrap_stored');
  // Of rules that are given more than once, the first.
  return rules.filter((rule, position) => isStored[position] === 0 && given.indexOf(rule) === position);
}

/** Has others wait who insert the same rules by {@link insertRules}, and waits for those who did; see {@link locksOfMissing}. */
async function lockRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  // One more than few stands for all.
  const [ptypes, documents] = toDocuments(rules.slice(0, FEW + 1));
  await client.query(
    `with missing as (
      select * from unnest($1::text[], $2::text[]) as given (ptype, document)
    ),
    ${locksOfMissing('$3')}
    select from locked`,
    [ptypes, documents, table],
  );
}

/**
 * Writes rules into a table that holds none of them, in their order. Nobody else can write it: the caller sees to
 * that, and to a transaction.
 */
export async function writeRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  await writePortions(client, table, rules);
}

/** Somebody else may insert one meanwhile. */
const ON_CONFLICT = 'on conflict (ptype, rule) do nothing';

async function writePortions(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
  onConflict = '',
  report: (done: number) => void = () => {},
): Promise<Rule[]> {
  const written: Rule[] = [];
  for (let start = 0; start < rules.length; start += PORTION) {
    const portion = rules.slice(start, start + PORTION);
    const added = await onRuleTable(table, portion, () => writePortion(client, table, portion, onConflict));
    for (const rule of added) written.push(rule);
    report(start + portion.length);
  }
  return written;
}

/** Which of them it was only travels when it was not all of them: somebody else added one just now. */
async function writePortion(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
  onConflict: string,
): Promise<readonly Rule[]> {
  const { rows } = await client.query(
    `with inserted as (
       insert into ${table} (ptype, rule)
       select given.ptype, given.document::jsonb
       from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
       order by given.n
       ${onConflict}
       returning ptype, rule
     )
     select count(*)::int as count, case when count(*) < $3 then jsonb_agg(inserted) end as inserted
     from inserted`,
    [...toDocuments(rules), rules.length],
  );
  const { count, inserted } = rows[0] ?? { count: 0, inserted: null };
  if (count === rules.length) return rules;
  return (inserted ?? []).map(({ ptype, rule }: { ptype: string; rule: string[] }) => ({
    ptype,
    values: rule,
  }));
}

/** Rules as parameters for `unnest($1::text[], $2::text[])`: two arrays, however many rules there are. */
type Documents = [ptypes: string[], documents: string[]];

/** The rules, each once, in their order. Throws an InvalidOptionsError for a value that can't be stored. */
export function toParameters(rules: readonly Rule[]): Documents {
  return toDocuments(withoutRepetitions(rules));
}

/** The same as rules. */
export function withoutRepetitions(rules: readonly Rule[]): Rule[] {
  requireStorable(rules);
  const given = new RuleSet(rules);
  return rules.filter((rule, position) => given.indexOf(rule) === position);
}

/** The same for rules that are known to be storable, and none of them twice. */
export function toDocuments(rules: readonly Rule[]): Documents {
  return [rules.map(({ ptype }) => ptype), rules.map(({ values }) => JSON.stringify(values))];
}
