import type pg from 'pg';
import { DocumentTable } from '../../src/tables/document-table.ts';
import { expectTable } from '../../src/tables/find-rule-table.ts';
import type { RuleTable } from '../../src/tables/rule-table.ts';
import { createRuleTable } from './rule-table.fixture.ts';
import { createStockTable } from './stock-tables.fixture.ts';

/** What tests have to know of a layout to run on it. */
export interface LayoutFixture {
  readonly name: RuleTable['layout'];
  readonly table: string;
  readonly options: { readonly table: string };
  /** The table, as the search_path finds it. */
  readonly ruleTable: RuleTable;
  /** The first value of a row, as SQL. */
  readonly first: string;
  /** Makes the table as a bootstrap leaves it, with an index for first values. */
  create(pool: pg.Pool | pg.ClientBase, schema?: string): Promise<void>;
  /** Inserts rules, ptype first, as an adapter does that asks for nothing. */
  insert(client: pg.Pool | pg.ClientBase, ...rules: readonly string[][]): Promise<void>;
  /** What sets the only value of a rule, in an update. */
  setOnly(value: string): string;
  /** What makes a row one that holds no rule, in an update. */
  readonly spoil: string;
}

const document: LayoutFixture = {
  name: 'document',
  table: 'casbin',
  options: { table: 'casbin' },
  ruleTable: new DocumentTable(),
  first: 'rule ->> 0',
  create: createRuleTable,
  async insert(client, ...rules) {
    for (const [ptype, ...values] of rules) {
      await client.query('insert into casbin (ptype, rule) values ($1, $2)', [ptype, JSON.stringify(values)]);
    }
  },
  setOnly: (value) => `rule = jsonb_build_array('${value}'::text)`,
  spoil: 'rule = to_jsonb(id)',
};

const columns: LayoutFixture = {
  name: 'columns',
  table: 'casbin_rule',
  options: { table: 'casbin_rule' },
  ruleTable: expectTable({ name: 'casbin_rule' }, undefined),
  first: 'v0',
  async create(pool, schema = 'public') {
    const table = `"${schema}".casbin_rule`;
    await createStockTable(pool, 'typeorm-adapter', table);
    await pool.query(`create index on ${table} (ptype, v0)`);
  },
  async insert(client, ...rules) {
    for (const [ptype, ...values] of rules) {
      await client.query('insert into casbin_rule (ptype, v0, v1, v2, v3) values ($1, $2, $3, $4, $5)', [
        ptype,
        ...Array.from({ length: 4 }, (_, position) => values[position]),
      ]);
    }
  },
  setOnly: (value) => `v0 = '${value}'`,
  spoil: `v0 = null, v1 = null, v2 = '', v3 = ''`,
};

export const LAYOUTS = [document, columns] as const;

/** A table of each layout. */
export async function createLayouts(pool: pg.Pool, schema?: string): Promise<void> {
  for (const layout of LAYOUTS) await layout.create(pool, schema);
}
