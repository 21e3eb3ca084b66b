import { describe, expect, test } from 'vitest';
import { createDatabase } from '../test/support/database.ts';
import { ADAPTERS, loadAdapter, makeTable, openApplication } from './application.ts';
import { bootstrapDatabase, definePolicy } from './library.ts';
import { readRows } from './rule-rows.ts';

const PLAIN = ['alice', 'Ünïcödé', "it's", 'two words', '#hash', '/orders/:id', 'back\\slash', 'f(x)', '[x'];
/** Each of which the loader of some adapter distorts, or fails on. */
const AWKWARD = [
  ...['', ' ', '\t', ' alice', 'alice ', 'a,b', 'a, b', "'a,b'", '"a,b"', 'one\ntwo', 'one\r\ntwo'],
  ...['"', '"alice"', 'say "hi"', 'a""b', 'f(x', 'f)', "x'); drop --"],
];

describe.for(ADAPTERS)('beside the stock adapter of %s', (name) => {
  test('every value of a rule is either refused, or read by it as it was defined', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await makeTable(name, pool, database.url);
    const { tableName } = await loadAdapter(name);

    const bootstrapWith = async (value: string) => {
      await pool.query(`delete from ${tableName}`);
      const policy = definePolicy({ rules: [['p', 'bob', value, 'read']] });
      try {
        await bootstrapDatabase(pool, { policy, seeders: [] });
      } catch (error) {
        expect(error, value).toMatchObject({ problems: [{ code: 'VALUE_DISTORTED' }] });
        expect(await readRows(pool, tableName)).toEqual([]);
        return 'refused';
      }
      await using application = await openApplication(name, database.url);
      expect(await application.lines()).toEqual([`p | bob | ${value} | read`]);
      return 'read';
    };

    for (const value of PLAIN) expect(await bootstrapWith(value), value).toBe('read');
    const outcomes = [];
    for (const value of AWKWARD) outcomes.push(await bootstrapWith(value));
    expect(outcomes).toContain('refused');
  });
});
