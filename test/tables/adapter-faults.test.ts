import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../src/errors.ts';
import { createAdapter } from '../../src/tables/adapter.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { useDatabase } from '../support/database.ts';
import { createLayouts, LAYOUTS } from './layouts.fixture.ts';
import { storedRules, unindexableValue } from './rule-table.fixture.ts';

const database = useDatabase();
const pool = database.pool();

beforeAll(() => createLayouts(pool));

async function refusalOf(call: Promise<unknown>): Promise<{ code: string; message: string; cause: unknown }> {
  return call.then(
    () => expect.fail('nothing was refused'),
    (error: unknown) => Object(error),
  );
}

it.each([{}, { connect: 'no' }, null])('refuses what is neither a pool nor a client: %j', (source) => {
  expect(() => createAdapter(Object(source))).toThrow(InvalidOptionsError);
});

describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  const adapter = createAdapter(pool, layout.options);

  beforeEach(() => pool.query(`truncate ${layout.table} restart identity`));

  it('reports what is missing, with the error of the server as its cause', async () => {
    const elsewhere = createAdapter(pool, { ...layout.options, schema: 'nowhere' });
    expect(await refusalOf(elsewhere.loadPolicy(rbacModel()))).toMatchObject({
      code: 'TABLE_MISSING',
      message: `Table "nowhere"."${layout.table}" does not exist. Run bootstrapDatabase() first, or name the table and the schema that the application uses.`,
      cause: { code: '42P01' },
    });
  });

  describe('a rule that is too long for the index', () => {
    const tooLong = unindexableValue();
    const start = `p, ${tooLong}`.slice(0, 60);

    it('is reported with its length and its beginning', async () => {
      const { code, message, cause } = await refusalOf(adapter.addPolicy('p', 'p', [tooLong]));
      expect(code).toBe('RULE_TOO_LONG');
      expect(message).toContain(
        `A rule is too long for the indexes of public.${layout.table}, which take about 2.7 kB. It has 7203 characters:`,
      );
      expect(message).toContain(start);
      expect(cause).toMatchObject({ code: '54000' });
    });

    it('is the longest of the given rules, at any position', async () => {
      for (const rules of [
        [['a'], [tooLong], ['b']],
        [[tooLong], ['a']],
      ]) {
        const { message } = await refusalOf(adapter.addPolicies('p', 'p', rules));
        expect(message).toContain('The longest of those given has 7203 characters:');
        expect(message).toContain(start);
      }
      expect(await storedRules(pool, layout.table)).toEqual([]);
    });
  });

  describe('a column that nobody fills', () => {
    it('is named, with the statements that give rules ids again', async () => {
      await adapter.addPolicies('p', 'p', [['a'], ['b']]);
      await pool.query(`alter table ${layout.table} alter id drop default`);
      const { code, message, cause } = await refusalOf(adapter.addPolicy('p', 'p', ['c']));
      expect(code).toBe('TABLE_SHAPE');
      expect(cause).toMatchObject({ code: '23502' });
      expect(message.endsWith('The next one that starts alone repairs it.')).toBe(layout.name === 'columns');
      const [, fact, remedies = ''] =
        /^(.*?)Let the database make the ids; if they are numbers: (.*;)/.exec(message) ?? [];
      expect(fact).toBe(
        `No rule can be added to table public.${layout.table}: column "id" has no default. Nothing was changed. `,
      );
      await pool.query(remedies);
      await adapter.addPolicies('p', 'p', [['c'], ['d']]);
      const { rows } = await pool.query(`select id from ${layout.table} order by id`);
      expect(rows).toEqual([1, 2, 3, 4].map((id) => ({ id })));
    });

    it('is named if it is not the id', async () => {
      await pool.query(`alter table ${layout.table} add tenant text not null`);
      const refusal = await refusalOf(adapter.addPolicies('p', 'p', [['a'], ['b']]));
      await pool.query(`alter table ${layout.table} drop tenant`);
      expect(refusal).toMatchObject({
        code: 'TABLE_SHAPE',
        message: `No rule can be added to table public.${layout.table}: column "tenant" has no default. Nothing was changed. Give column "tenant" a default, or let it allow null.`,
      });
    });

    it("is left to the server's own error in another table, which a trigger fills", async () => {
      await pool.query(`
        create table audit (id int not null);
        create function note() returns trigger language plpgsql as $$ begin insert into audit values (null); return new; end $$;
        create trigger note after insert on ${layout.table} for each row execute function note()`);
      const refusal = await refusalOf(adapter.addPolicy('p', 'p', ['a']));
      await pool.query('drop table audit; drop function note cascade');
      expect(refusal).toMatchObject({ code: '23502', table: 'audit' });
    });
  });

  describe('a rule that conflicts with another one', () => {
    beforeEach(async () => {
      await adapter.addPolicy('p', 'p', ['a']);
      await adapter.addPolicy('g', 'g', ['b']);
    });

    it("is refused with the server's own error if the constraint is not the adapter's", async () => {
      await pool.query(`create unique index one_value on ${layout.table} ((${layout.first}))`);
      const refusal = await refusalOf(adapter.updatePolicy('p', 'p', ['a'], ['b']));
      await pool.query('drop index one_value');
      expect(refusal).toMatchObject({ code: '23505', constraint: 'one_value' });
    });
  });
});

it("is refused with the statement that makes the table unique, if the stock adapter's constraint is the cause", async () => {
  const adapter = createAdapter(pool, { table: 'casbin' });
  await pool.query('truncate casbin restart identity');
  await adapter.addPolicy('p', 'p', ['a']);
  await adapter.addPolicy('g', 'g', ['b']);
  await pool.query('alter table casbin add constraint casbin_uniq_rule unique (rule)');
  const { code, message, cause } = await refusalOf(adapter.updatePolicy('p', 'p', ['a'], ['b']));
  await pool.query('alter table casbin drop constraint casbin_uniq_rule');
  expect(code).toBe('UNIQUE_CONSTRAINT_MISSING');
  expect(message).toBe(
    'Table public.casbin is not unique on (ptype, rule): casbin-pg-adapter makes it unique on rule alone. Run bootstrapDatabase() once, which takes such a table over, or: alter table public.casbin drop constraint if exists casbin_uniq_rule, add unique (ptype, rule)',
  );
  expect(cause).toMatchObject({ code: '23505', constraint: 'casbin_uniq_rule' });
});
