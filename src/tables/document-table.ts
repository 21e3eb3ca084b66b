import type { RuleRow } from '../casbin/rule-row.ts';
import { quoteTable } from '../database/catalog.ts';
import type { Problem } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';
import { type GivenRules, type RuleTable, readId } from './rule-table.ts';

/** What is known of such a table without a look at it. */
interface DocumentFacts {
  readonly name: string;
  readonly schema?: string | undefined;
  readonly identityType?: string;
}

/** casbin-pg-adapter's: a rule is an array of texts, and the stock schema has an index on each of its values. */
export class DocumentTable implements RuleTable {
  readonly layout = 'document';
  readonly identity = 'id';
  readonly written = 'ptype, rule';
  readonly onConflict = 'on conflict (ptype, rule) do nothing';
  readonly missingIndex = null;
  readonly name: string;
  readonly schema: string | undefined;
  readonly sql: string;
  readonly identityType: string;

  constructor({ name, schema, identityType = 'integer' }: DocumentFacts) {
    this.name = name;
    this.schema = schema;
    this.sql = quoteTable(name, schema);
    this.identityType = identityType;
  }

  columns(row: string): string {
    return `${row}.id, ${row}.ptype, ${row}.rule`;
  }

  read({ id, ptype, rule }: Record<string, unknown>): RuleRow {
    return { id: readId(id, this.identityType), ptype: typeof ptype === 'string' ? ptype : null, rule };
  }

  ptype(row: string): string {
    return `${row}.ptype`;
  }

  value(row: string, position: number): string {
    return `${row}.rule ->> ${position}`;
  }

  give(rules: readonly Rule[]): GivenRules {
    return {
      arrays: [rules.map(({ ptype }) => ptype), rules.map(({ values }) => JSON.stringify(values))],
      names: 'ptype, document',
      values: 'given.ptype, given.document::jsonb',
      isSame: (row) => `${row}.ptype = given.ptype and ${row}.rule = given.document::jsonb`,
    };
  }

  /** The `offset 0` keeps the planner from reading the whole table, as it does while its statistics are old. */
  rowsWith(position: 0 | 1, value: string): string {
    return `lateral (select * from ${this.sql} where rule ->> ${position} = ${value} offset 0)`;
  }

  get rowsWithoutFirst(): string {
    return `(select * from ${this.sql} where rule ->> 0 is null)`;
  }

  findUnfit(): Problem[] {
    return [];
  }

  stockLines({ ptype, values }: Rule): string[] {
    return [[ptype, ...values].join(', ')];
  }
}
