import type { Assertion, Model } from 'casbin';
import { RuleReader, type StoredRule } from '../casbin/rule-row.ts';
import { addTo } from '../collections.ts';
import type { ClientLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import { isUnstorable } from '../policy/check.ts';
import type { Connection } from './adapter-connection.ts';
import type { SelectedRow } from './live-policy.ts';
import { readPortions } from './portions.ts';
import { onRuleTable } from './refusals.ts';
import type { RuleTable } from './rule-table.ts';

/** Checks all rules before they get into a model, in portions. */
interface RuleCheck {
  /** Called before the first rule is read, on the connection that reads. */
  begin?(client: ClientLike): Promise<void>;
  read(rules: readonly StoredRule[]): void;
  /** Called after all rules. Throws if one of them must not be loaded. */
  finish(): void;
}

/** Creates the check for one load. */
export type CheckRules = (model: Model, table: RuleTable) => RuleCheck;

/** Fewer rules are read by one statement. If there are more, they are read again, in portions. */
const FEW = 2_000;

/**
 * Appends the stored rules to the model, by id, as arrays, so that their values are unchanged.
 *
 * Rules of a ptype that the model lacks are left out, as Casbin's own loader does. Throws a StoredRuleError
 * before the model is touched when a row holds no rule, and whatever `check` throws.
 */
export async function loadRules(
  connection: Connection,
  table: RuleTable,
  model: Model,
  check: CheckRules,
  filter: PolicyFilter = {},
): Promise<void> {
  const { sql, parameters } = matchesFilter(table, filter);
  const columns = table.columns('stored');
  const text = `select ${columns} from ${table.sql} stored where ${sql} order by stored.${table.identity}`;
  const select = { text, parameters };
  const checking = check(model, table);
  const loading = new Loading(table, model, checking);
  await onRuleTable(table, [], async () => {
    const add: AddRows = (rows) => loading.add(rows);
    const isLoaded = await connection.run(async (client) => {
      await checking.begin?.(client);
      return selectFew(client, select, add);
    });
    if (!isLoaded)
      await connection.atomically((client) => selectMany(client, table, select, add), table.engine);
  });
  loading.finish();
}

interface Select {
  readonly text: string;
  readonly parameters: readonly string[];
}

type AddRows = (rows: readonly SelectedRow[]) => void;

/** Adds all rows or none. False when there are too many: the next statement may see other rows than this one. */
async function selectFew(client: ClientLike, { text, parameters }: Select, add: AddRows): Promise<boolean> {
  const { rows } = await client.query(`${text} limit ${FEW}`, [...parameters]);
  if (rows.length === FEW) return false;
  add(rows);
  return true;
}

function selectMany(
  client: ClientLike,
  table: RuleTable,
  { text, parameters }: Select,
  add: AddRows,
): Promise<void> {
  return readPortions(client, table, { text, values: [...parameters] }, add);
}

/** Rules on their way into a model, which stays as it is until all of them have been checked. */
class Loading {
  readonly #model: Model;
  readonly #check: RuleCheck;
  readonly #reader: RuleReader;
  /**
   * The portions are joined at the end, because a growing array leaves copies behind that are as large as the policy.
   */
  readonly #portions = new Map<Assertion, string[][][]>();

  constructor(table: RuleTable, model: Model, check: RuleCheck) {
    this.#reader = new RuleReader(table);
    this.#model = model;
    this.#check = check;
  }

  add(rows: readonly SelectedRow[]): void {
    const rules = this.#reader.read(rows);
    this.#check.read(rules);
    const portion = new Map<Assertion, string[][]>();
    for (const { ptype, values } of rules) {
      const assertion = this.#model.model.get(ptype.charAt(0))?.get(ptype);
      // Nobody else uses these arrays.
      if (assertion !== undefined) addTo(portion, assertion, values as string[]);
    }
    for (const [assertion, policy] of portion) addTo(this.#portions, assertion, policy);
  }

  finish(): void {
    this.#reader.requireReadable();
    this.#check.finish();
    for (const [assertion, portions] of this.#portions) {
      assertion.policy = assertion.policy.concat(...portions);
    }
  }
}

/**
 * Which rules to load: for each ptype the values wanted, by position; null, undefined and `''` stand for any.
 *
 * `regex:…` and `like:…` are PostgreSQL patterns (`~` and `like`). Rules of a ptype that is not named are not
 * loaded; without any ptype, all are.
 */
export type PolicyFilter = Readonly<Record<string, readonly (string | null | undefined)[]>>;

/** A condition on a row `stored` of the table, with its parameters. */
export interface RowCondition {
  readonly sql: string;
  readonly parameters: readonly string[];
}

/** The rules that the filter lets in. Throws an InvalidOptionsError when it has another shape. */
function matchesFilter(table: RuleTable, filter: PolicyFilter): RowCondition {
  const parameters: string[] = [];
  const kinds = Object.entries(filter).map(([ptype, values]) => {
    requireValues(ptype, values);
    const kind = `${table.ptype('stored')} = $${parameters.push(ptype)}`;
    const tests = values.flatMap((value, position) => {
      if (isAny(value)) return [];
      const [operator, operand] = readPattern(value);
      return `${table.value('stored', position)} ${operator} $${parameters.push(operand)}`;
    });
    return `(${[kind, ...tests].join(' and ')})`;
  });
  return { sql: kinds.length > 0 ? kinds.join(' or ') : 'true', parameters };
}

/**
 * The rules of `ptype` with just these values from `fieldIndex` on, as Casbin's Model.removeFilteredPolicy has
 * it: an empty value matches any, and no value is a pattern. Null if no rule can match.
 */
export function hasFields(
  table: RuleTable,
  ptype: string,
  fieldIndex: number,
  values: readonly string[],
): RowCondition | null {
  if (values.length === 0) return null;
  const parameters = [ptype];
  const tests: string[] = [];
  for (const [offset, value] of values.entries()) {
    if (value === '') continue;
    const position = fieldIndex + offset;
    // Casbin asks for field -1 if the model has no such field; jsonb would count that from the end.
    if (!Number.isInteger(position) || position < 0) return null;
    tests.push(`${table.value('stored', position)} = $${parameters.push(value)}`);
  }
  return { sql: [`${table.ptype('stored')} = $1`, ...tests].join(' and '), parameters };
}

type Operator = '=' | '~' | 'like';

function readPattern(value: string): [operator: Operator, operand: string] {
  if (value.startsWith('regex:')) return ['~', value.slice('regex:'.length)];
  if (value.startsWith('like:')) return ['like', value.slice('like:'.length)];
  return ['=', value];
}

function isAny(value: string | null | undefined): value is '' | null | undefined {
  return value === null || value === undefined || value === '';
}

/** Casbin types a filter as `any`. */
function requireValues(ptype: string, values: unknown): void {
  const refuse = (message: string) =>
    new InvalidOptionsError([{ code: 'OPTION_INVALID', at: `filter.${ptype}`, message }]);
  if (!Array.isArray(values) || !values.every((value) => isAny(value) || typeof value === 'string'))
    throw refuse('is not an array of strings. Give one value a field, and null where any will do.');
  if ([ptype, ...values].some((value) => typeof value === 'string' && isUnstorable(value)))
    throw refuse(
      "holds a NUL character or half of a surrogate pair, which PostgreSQL can't store. Remove it.",
    );
}
