import { Kysely, PostgresDialect } from 'kysely';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Scope, WHOLE } from '../../src/casbin/scope.ts';
import { asClient } from '../../src/database/own-queries.ts';
import type { AnyTransaction } from '../../src/database/transaction.ts';
import type { RowId, Rule } from '../../src/index.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { seedRules } from '../../src/tables/insert.ts';
import { readLivePolicy } from '../../src/tables/live-policy.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';

const database = useDatabase();
const pool = database.pool();
const db = new Kysely({ dialect: new PostgresDialect({ pool }) });

beforeAll(() => createLayouts(pool));
function reachable(names: readonly string[], { bySubject = true } = {}): Scope {
  return { kind: 'reachable', names, bySubject };
}

function inTransaction<T>(work: (trx: AnyTransaction) => Promise<T>): Promise<T> {
  return db.transaction().execute(work);
}

function rulesOf(count: number): Rule[] {
  return Array.from({ length: count }, (_, n) => ({ ptype: 'p', values: [`role${n % 100}`, `data${n}`] }));
}

function isListOf(...ids: readonly number[]) {
  return (found: readonly number[]) => found.toSorted().join() === ids.join();
}

/** Three rows that hold no rule, as values to insert. */
const FAULTY = {
  document: `(ptype, rule) values ('p', '[]'), ('g', '["alice", 7]'), ('g', '[null, "clerk"]')`,
  columns: `(ptype, v0, v1) values ('p', null, null), (null, 'alice', 'clerk'), ('g', '', '')`,
};

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

  const store = (...rows: string[][]) => layout.insert(pool, ...rows);

  async function idsOf(scope: Scope): Promise<RowId[]> {
    const rules = await inTransaction((trx) => readLivePolicy(trx, layout.ruleTable, scope));
    return rules.map(({ id }) => id);
  }

  describe('the whole policy', () => {
    test('is every row by id, whatever its ptype', async () => {
      await store(['p', 'b', 'data'], ['g2', 'x', 'y'], ['p9', 'a']);
      await pool.query(`update ${layout.table} set ptype = ptype where id = 1`);
      const rules = await inTransaction((trx) => readLivePolicy(trx, layout.ruleTable, WHOLE));
      expect(rules).toEqual([
        { id: 1, ptype: 'p', values: ['b', 'data'] },
        { id: 2, ptype: 'g2', values: ['x', 'y'] },
        { id: 3, ptype: 'p9', values: ['a'] },
      ]);
    });

    test('is nothing where nothing is stored', async () => {
      expect(await idsOf(WHOLE)).toEqual([]);
      expect(await idsOf(reachable(['alice']))).toEqual([]);
    });

    test('is read in portions where many rules are defined, and each portion is reported', async () => {
      const stored = rulesOf(20_000);
      await inTransaction((trx) => seedRules(asClient(trx), layout.ruleTable, stored));
      const known = new RuleSet(stored.slice(0, 10_001));
      const reports: [done: number, total: number][] = [];

      const [first, second] = await inTransaction(async (trx) => {
        const report = (done: number, total = 0) => reports.push([done, total]);
        return [
          await readLivePolicy(trx, layout.ruleTable, WHOLE, known, report),
          await readLivePolicy(trx, layout.ruleTable, WHOLE, known, () => {}),
        ];
      });

      expect(first?.map(({ id }) => id)).toEqual(stored.map((_, index) => index + 1));
      expect(first?.at(-1)).toEqual({ id: 20_000, ...stored.at(-1) });
      expect(second).toHaveLength(20_000);
      expect(reports).toEqual([
        [10_000, 10_001],
        [20_000, 20_001],
        [20_000, 20_001],
        [20_000, 20_000],
      ]);
    });

    test('is read at once where few rules are defined, without progress', async () => {
      await store(['p', 'alice', 'data']);
      const reports: number[] = [];
      const known = new RuleSet([{ ptype: 'p', values: ['alice', 'data'] }]);
      await inTransaction((trx) =>
        readLivePolicy(trx, layout.ruleTable, WHOLE, known, (done) => reports.push(done)),
      );
      expect(reports).toEqual([]);
    });
  });

  describe('what names reach', () => {
    beforeEach(async () => {
      await store(
        ['p', 'viewer', 'data', 'read'], // 1
        ['g', 'clerk', 'viewer'], // 2
        ['g', 'alice', 'clerk'], // 3
        ['p', 'alice', 'boss', 'read'], // 4
        ['g', 'boss', 'owner'], // 5
        ['g2', 'alice', 'staff'], // 6
        ['p2', 'staff', 'desk'], // 7
        ['p', 'boss', 'data', 'write'], // 8
        ['g', 'viewer', 'alice'], // 9: a circle
      );
    });

    test('is what they and their roles have, along every role definition, by id', async () => {
      expect(await idsOf(reachable(['alice']))).toEqual([1, 2, 3, 4, 6, 7, 9]);
      expect(await idsOf(reachable(['viewer', 'boss']))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await idsOf(reachable(['boss']))).toEqual([5, 8]);
    });

    test('is each p rule, but only their links, where the matcher does not begin with the subject', async () => {
      expect(await idsOf(reachable(['boss'], { bySubject: false }))).toEqual([1, 4, 5, 7, 8]);
      expect(await idsOf(reachable([], { bySubject: false }))).toEqual([1, 4, 7, 8]);
    });

    test('is nothing more for a name that PostgreSQL can not store', async () => {
      expect(await idsOf(reachable(['bo\0ss', 'boss']))).toEqual([5, 8]);
    });

    test('is each rule once, also of the empty name', async () => {
      await pool.query(`truncate ${layout.table} restart identity`);
      await store(['g', '', 'clerk'], ['p', '', 'data', 'read'], ['p', 'clerk', 'data', 'read']);
      expect(await idsOf(reachable(['']))).toEqual([1, 2, 3]);
      expect(await idsOf(reachable([''], { bySubject: false }))).toEqual([1, 2, 3]);
    });

    test('has another p rule if it has none, because without any Casbin decides on empty values', async () => {
      const [other, ...rest] = await idsOf(reachable(['staff2']));
      expect([1, 4, 8]).toContain(other);
      expect(rest).toEqual([]);
      expect((await idsOf(reachable(['staff']))).slice(1), 'a p2 rule is not one').toEqual([7]);
      await pool.query(`delete from ${layout.table} where ptype = 'p'`);
      expect(await idsOf(reachable(['staff']))).toEqual([7]);
    });
  });

  describe('rows that hold no rule', () => {
    test.each<[string, Scope]>([
      ['the whole table', WHOLE],
      ['what names reach', reachable(['alice'])],
      ['what names reach and each p rule', reachable(['alice'], { bySubject: false })],
    ])('are refused, each once, with their table, when one reads %s', async (_, scope) => {
      await store(['p', 'alice', 'data']);
      await pool.query(`insert into ${layout.table} ${FAULTY[layout.name]}`);
      await expect(idsOf(scope)).rejects.toMatchObject({
        code: 'STORED_RULE_INVALID',
        ids: scope.kind === 'whole' ? [2, 3, 4] : expect.toSatisfy(isListOf(2, 3, 4)),
        message: expect.stringContaining(`Every rule in table ${layout.ruleTable.sql} must be`),
      });
    });
  });
});

test('a document without a rule is refused, also if it is the only p row', async () => {
  const { ruleTable } = LAYOUTS[0];
  await pool.query('truncate casbin restart identity');
  await pool.query(`insert into casbin (ptype, rule) values ('p', '["zoe", 5]')`);
  const reading = inTransaction((trx) => readLivePolicy(trx, ruleTable, reachable(['alice'])));
  await expect(reading).rejects.toMatchObject({ code: 'STORED_RULE_INVALID', ids: [1] });
});
