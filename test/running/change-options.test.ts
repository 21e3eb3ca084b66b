import pg from 'pg';
import { expect, test } from 'vitest';
import { bootstrapDatabase, changePolicy, createAdapter, createEnforcer } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { BY, policy } from './change.fixture.ts';

test('all problems are reported at once', async () => {
  const pool = (await createDatabase()).pool();
  const client = await pool.connect();
  const refused = (changes: object, options: object) => changePolicy(client, changes, options as never);
  await expect(refused({ grant: ['a'], give: [] }, { force: true, policcy: 1 })).rejects.toMatchObject({
    problems: expect.arrayContaining(
      ['grant[0]', 'give', 'actor', 'policcy'].map((at) => expect.objectContaining({ at })),
    ),
  });
  await expect(refused({}, {})).rejects.toThrow(
    'actor: it is missing. Give who makes the change: a name, such as that of the user who is signed in.',
  );
  await expect(refused({}, { actor: 'root', force: true })).rejects.toThrow('reason beside force');
  await expect(refused({ grant: [['a', 'b']], assign: [['a', 'b', 'c']] }, BY)).rejects.toMatchObject({
    problems: [
      { code: 'RULE_WRONG_LENGTH', at: 'grant[0]' },
      { code: 'RULE_WRONG_LENGTH', at: 'assign[0]' },
    ],
  });
  await expect(
    refused(
      {
        assign: [['a', 'b']],
        unassign: [
          ['a', 'b'],
          ['a', 'b', 'c'],
        ],
      },
      BY,
    ),
  ).rejects.toMatchObject({
    problems: [
      { code: 'RULE_WRONG_LENGTH', at: 'unassign[1]' },
      { code: 'RULE_DUPLICATE', at: 'unassign[0]', message: expect.stringContaining('assign[0]') },
    ],
  });
  await expect(
    refused({ grant: [['a\0b', 'b', 'c']], unassign: [['carol', '\ud800']] }, BY),
  ).rejects.toMatchObject({
    problems: [
      { code: 'VALUE_UNSTORABLE', at: 'grant[0]' },
      { code: 'VALUE_UNSTORABLE', at: 'unassign[0]' },
    ],
  });
  for (const half of ['\0', '\ud800'])
    await expect(refused({}, { actor: half, reason: half })).rejects.toMatchObject({
      problems: [{ at: 'actor' }, { at: 'reason' }],
    });
  // Without the role, the domain would be taken for it.
  await expect(refused({ assign: [['carol', undefined, 'admin']] }, BY)).rejects.toMatchObject({
    problems: [
      {
        code: 'OPTION_INVALID',
        message: expect.stringContaining(
          'must have a user and a role, and a domain where the model has some',
        ),
      },
    ],
  });
  await expect(changePolicy(pool as never, {}, BY)).rejects.toMatchObject({
    problems: [{ at: 'client', message: expect.stringContaining('not a pool') }],
  });
  client.release();
});

test('all problems of a change that only the database shows are reported together', async () => {
  const pool = (await createDatabase()).pool();
  const options = { policy, table: 'casbin_rule' };
  await bootstrapDatabase(pool, { ...options, seeders: [] });
  await pool.query('alter table casbin_rule alter v1 type varchar(10)');
  const client = await pool.connect();
  const changes = { grant: [['clerk', 'old invoices', 'read']], assign: [['carol', 'clrek']] } as never;
  await expect(changePolicy(client, changes, { ...options, ...BY })).rejects.toMatchObject({
    problems: [
      { code: 'RULE_DOES_NOT_FIT_TABLE', at: 'grant[0]' },
      { code: 'ROLE_UNDEFINED', at: 'assign[0]' },
    ],
  });
  client.release();
});

test('a change needs a client that was connected, or is connecting', async () => {
  const { url } = await createBootstrapped({ policy, seeders: [] });
  const client = new pg.Client(url);
  const assign = () => changePolicy(client, { assign: [['carol', 'clerk']] }, BY);
  await expect(assign()).rejects.toMatchObject({
    problems: [{ at: 'client', message: expect.stringContaining('await client.connect()') }],
  });
  const connected = client.connect();
  await expect(assign()).resolves.toMatchObject({ added: [['g', 'carol', 'clerk']] });
  await connected;
  await client.end();
});

test('a client with the methods of that of pg-native is no pool', async () => {
  const database = await createBootstrapped({ policy, seeders: [] });
  const pool = database.pool({ max: 1 });
  const client = await pool.connect();
  // Neither escapeIdentifier nor a stream; one that was not made by a pool has no release either.
  const { getTypeParser } = client;
  const native = { connect: async () => {}, query: client.query.bind(client), getTypeParser };
  await client.query('begin');
  await expect(changePolicy(native, { assign: [['carol', 'clerk']] }, BY)).resolves.toMatchObject({
    added: [['g', 'carol', 'clerk']],
  });
  await createAdapter(native).addPolicy('p', 'p', ['clerk', 'orders', 'read']);
  await client.query('rollback');
  client.release();
  const { rows } = await pool.query("select rule from casbin where rule ? 'carol' or rule ? 'orders'");
  expect(rows).toEqual([]);
  const problem = { at: 'pool', message: expect.stringContaining('not a single client') };
  await expect(createEnforcer(native as never)).rejects.toMatchObject({ problems: [problem] });
});
