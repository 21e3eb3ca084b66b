import { casbin } from '../../migrations/0001_casbin.ts';
import { joinedLine } from '../casbin/distortion.ts';
import type { RuleRow } from '../casbin/rule-row.ts';
import { quoteTable } from '../database/catalog.ts';
import { type Engine, POSTGRESQL } from '../database/engine.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Problem } from '../errors.ts';
import type { Migrations } from '../migrator/migration.ts';
import { takeOver } from '../migrator/takeover.ts';
import type { Rule } from '../policy/rule.ts';
import { escapeControls } from '../text.ts';
import type { RowId } from '../verification-report.ts';
import { type GivenRules, type RuleTable, readNumber, type SpelledRules, selectById } from './rule-table.ts';

/** The table of casbin-pg-adapter: a rule is an array of texts, and the stock schema has an index on each value. */
export class DocumentTable implements RuleTable {
  readonly layout = 'document';
  readonly identity = 'id';
  readonly ruleShape = 'an array of strings';
  readonly isKnownUnseen = true;
  readonly isUnique = true;
  readonly written = 'ptype, rule';
  readonly onConflict = 'on conflict (ptype, rule) do nothing';
  readonly missingIndex = null;
  readonly name: string;
  readonly schema: string | undefined;
  readonly sql: string;
  readonly engine: Engine;

  /** @param sql the name as SQL, where the server has quoted it */
  constructor(name = 'casbin', schema?: string, sql = quoteTable(name, schema), engine = POSTGRESQL) {
    this.name = name;
    this.schema = schema;
    this.sql = sql;
    this.engine = engine;
  }

  get migrationName(): string {
    return `0001_${this.name}`;
  }

  get migrations(): Migrations {
    return { [this.migrationName]: casbin(this.name) };
  }

  takeOver(trx: AnyTransaction) {
    return takeOver(trx, this.name);
  }

  /** It is unique. */
  async hasRemovable(): Promise<boolean> {
    return false;
  }

  columns(row: string): string {
    return `${row}.id, ${row}.ptype, ${row}.rule`;
  }

  read({ id, ptype, rule }: Record<string, unknown>): RuleRow {
    return {
      id: typeof id === 'number' ? id : readNumber(id),
      ptype: typeof ptype === 'string' ? ptype : null,
      rule,
    };
  }

  selectRows(ids: readonly RowId[]): string {
    return selectById(this, 'id, ptype, rule', ids);
  }

  ptype(row: string): string {
    return `${row}.ptype`;
  }

  value(row: string, position: number): string {
    return `${row}.rule ->> ${position}`;
  }

  valuesAsJson(row: string): string {
    return `${row}.rule`;
  }

  give(rules: readonly Rule[]): GivenRules {
    return {
      arrays: [rules.map(({ ptype }) => ptype), rules.map(({ values }) => JSON.stringify(values))],
      names: 'ptype, document',
      values: 'given.ptype, given.document::jsonb',
      isSame: (row) => `${row}.ptype = given.ptype and ${row}.rule = given.document::jsonb`,
    };
  }

  replacing(values: ReadonlyMap<number, string>): string {
    return `rule = ${replaceInJson('stored.rule', values)}`;
  }

  spell(rules: readonly Rule[]): SpelledRules {
    const literals = `format('(%L, %L::jsonb)', given.ptype, given.document)`;
    return {
      arrays: [rules.map(({ ptype }) => ptype), rules.map(({ values }) => toVisibleJson(values))],
      names: 'ptype, document',
      compared: '(ptype, rule)',
      comparedLiterals: literals,
      insertedLiterals: literals,
    };
  }

  /** Without `offset 0`, the planner reads the whole table while its statistics are old. */
  rowsWith(position: 0 | 1, value: string): string {
    return `lateral (select * from ${this.sql} where rule ->> ${position} = ${value} offset 0)`;
  }

  get rowsWithoutFirst(): string {
    return `(select * from ${this.sql} where rule ->> 0 is null)`;
  }

  hasFirst(row: string): string {
    return `${row}.rule ->> 0 is not null`;
  }

  findUnfit(): Problem[] {
    return [];
  }

  stockLines(rule: Rule): readonly string[] {
    return joinedLine(rule);
  }
}

/** An SQL expression: a rule as jsonb with other values at some positions. It keeps the number of its values. */
export function replaceInJson(rule: string, values: ReadonlyMap<number, string>): string {
  return [...values].reduce(
    (replaced, [position, value]) =>
      `jsonb_set(${replaced}, '{${position}}', to_jsonb(coalesce(${value}, '')), false)`,
    rule,
  );
}

/** As JSON in which every control character is visible. */
function toVisibleJson(values: readonly string[]): string {
  return escapeControls(JSON.stringify(values));
}
