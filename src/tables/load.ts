import type { Model } from 'casbin';
import { RuleReader, type StoredRule } from '../casbin/rule-row.ts';
import type { ClientLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import { onRuleTable } from './refusals.ts';

/** Throws for rules that must not get into the model. */
export type CheckRules = (model: Model, rules: readonly StoredRule[]) => void;

/**
 * Appends the stored rules to the model, by id, as arrays: they arrive as they were written.
 *
 * Rules of a ptype that the model lacks are left out, as Casbin's own loader does. Throws a StoredRuleError
 * before the model is touched when a row holds no rule, and whatever `check` throws.
 */
export async function loadRules(
  client: ClientLike,
  table: string,
  model: Model,
  check: CheckRules,
  filter: PolicyFilter = {},
): Promise<void> {
  const { sql, parameters } = matchesFilter(filter);
  const { rows } = await onRuleTable(table, [], () =>
    client.query(`select id, ptype, rule from ${table} where ${sql} order by id`, [...parameters]),
  );
  const reader = new RuleReader();
  const rules = reader.read(rows);
  reader.requireReadable(table);
  check(model, rules);
  for (const { ptype, values } of rules) {
    // Nobody else has them.
    model.model
      .get(ptype.charAt(0))
      ?.get(ptype)
      ?.policy.push(values as string[]);
  }
}

/**
 * Which rules to load: for each ptype the values wanted, by position; null, undefined and `''` stand for any.
 *
 * `regex:…` and `like:…` are PostgreSQL patterns (`~` and `like`). Rules of a ptype that is not named are not
 * loaded; without any ptype, all are.
 */
export type PolicyFilter = Readonly<Record<string, readonly (string | null | undefined)[]>>;

/** A condition on the table's `ptype` and `rule`, with its parameters. */
export interface Condition {
  readonly sql: string;
  readonly parameters: readonly string[];
}

/** The rules that the filter lets in. Throws an InvalidOptionsError when it has another shape. */
function matchesFilter(filter: PolicyFilter): Condition {
  const parameters: string[] = [];
  const kinds = Object.entries(filter).map(([ptype, values]) => {
    requireValues(ptype, values);
    const kind = `ptype = $${parameters.push(ptype)}`;
    const tests = values.flatMap((value, position) => {
      if (isAny(value)) return [];
      const [operator, operand] = readPattern(value);
      return `rule ->> ${position} ${operator} $${parameters.push(operand)}`;
    });
    return `(${[kind, ...tests].join(' and ')})`;
  });
  return { sql: kinds.length > 0 ? kinds.join(' or ') : 'true', parameters };
}

/**
 * The rules of `ptype` with just these values from `fieldIndex` on, as Casbin's Model.removeFilteredPolicy has
 * it: an empty value stands for any, and nothing is a pattern. Null when no rule can be meant.
 */
export function hasFields(ptype: string, fieldIndex: number, values: readonly string[]): Condition | null {
  if (values.length === 0) return null;
  const parameters = [ptype];
  const tests: string[] = [];
  for (const [offset, value] of values.entries()) {
    if (value === '') continue;
    const position = fieldIndex + offset;
    // Casbin asks for field -1 when the model has no such field; jsonb would count that from the end.
    if (!Number.isInteger(position) || position < 0) return null;
    tests.push(`rule ->> ${position} = $${parameters.push(value)}`);
  }
  return { sql: ['ptype = $1', ...tests].join(' and '), parameters };
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
  if (Array.isArray(values) && values.every((value) => isAny(value) || typeof value === 'string')) return;
  throw new InvalidOptionsError([
    {
      code: 'OPTION_INVALID',
      at: `filter.${ptype}`,
      message: 'is not an array of strings. Give one value a field, and null where any will do.',
    },
  ]);
}
