import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  type PolicyDefinition,
  writeBootstrapSql,
} from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { type ReleaseStep, releasesOf, SHAPES } from './releases.fixture.ts';
import { PolicyModel } from './releases.model.ts';

const rule = fc.oneof(
  fc.tuple(
    fc.constant('p'),
    fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    fc.constantFrom('x', 'y'),
    fc.constantFrom('read', 'write'),
  ),
  fc.tuple(fc.constant('g'), fc.constantFrom('ann', 'bob'), fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')),
);

const releaseStep: fc.Arbitrary<ReleaseStep> = fc.record({
  kind: fc.constantFrom(
    'retire role',
    'reassign role',
    'leave role out',
    'rename role',
    'retire rule',
    'leave rule out',
    'add rule',
    'add role',
    'toggle keep',
    'inherit',
  ),
  pick: fc.nat(),
});

/** Of the releases; more often the last one, as no other does anything after it. */
const release = fc.oneof(fc.nat(), fc.constant('last' as const));

const event = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('start' as const), release }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), release }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('script' as const), release }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('revoke with a reason', 'revoke', 'grant', 'delete by SQL', 'insert by SQL'),
      rule: fc.oneof({ weight: 1, arbitrary: rule }, { weight: 3, arbitrary: fc.nat() }),
    }),
  },
);

type Case = [ReleaseStep[], (typeof event extends fc.Arbitrary<infer E> ? E : never)[]];

/** A user who gets a role after it was retired, and a rule that is given to it. */
const LATE_LINK: Case = [
  [{ kind: 'reassign role', pick: 2 }],
  [
    { kind: 'start', release: 'last' },
    { kind: 'insert by SQL', rule: ['g', 'ann', 'c'] },
    { kind: 'insert by SQL', rule: ['p', 'c', 'x', 'write'] },
    { kind: 'start', release: 'last' },
    { kind: 'insert by SQL', rule: ['g', 'bob', 'c'] },
    { kind: 'script', release: 'last' },
  ],
];

/** Each event and outcome, whatever the drawn cases happen to lack. */
const EACH_OUTCOME: Case = [
  [
    { kind: 'reassign role', pick: 2 },
    { kind: 'rename role', pick: 0 },
    { kind: 'retire rule', pick: 1 },
    { kind: 'leave role out', pick: 0 },
    { kind: 'toggle keep', pick: 0 },
  ],
  [
    { kind: 'insert by SQL', rule: ['g', 'ann', 'c'] },
    { kind: 'crash', release: 1 },
    { kind: 'start', release: 1 },
    { kind: 'insert by SQL', rule: ['g', 'ann', 'a'] },
    { kind: 'start', release: 2 },
    { kind: 'start', release: 1 },
    { kind: 'start', release: 3 },
    { kind: 'script', release: 3 },
    { kind: 'revoke', rule: ['p', 'b', 'x', 'read'] },
    { kind: 'start', release: 3 },
    { kind: 'revoke with a reason', rule: ['p', 'b', 'x', 'read'] },
    { kind: 'start', release: 4 },
    { kind: 'grant', rule: ['p', 'b', 'x', 'read'] },
    { kind: 'start', release: 'last' },
    { kind: 'delete by SQL', rule: ['p', 'b', 'x', 'read'] },
    { kind: 'start', release: 'last' },
  ],
];

const counts: Record<string, number> = {};

const PLACES = LAYOUTS.flatMap((layout) =>
  SHAPES.map((shape) => ({ layout, shape, of: shape.name, on: layout.name })),
);

describe.each(PLACES)('$of on a table of layout $on', ({ layout, shape }) => {
  const options = { ...layout.options, ...shape.options };

  test('after any releases, changes, crashes and restarts, the policy is what a model of the rules says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(releaseStep, { minLength: 2, maxLength: 5 }),
        fc.array(event, { minLength: 4, maxLength: 14 }),
        async (steps, events) => {
          const named = releasesOf(steps);
          const releases = named.map(shape.define);
          const database = await createDatabase();
          const pool = database.pool();
          const model = new PolicyModel(shape.rolesAt);
          const stored = async () => {
            const { rows } = await pool.query(`select * from ${layout.table}`);
            return rows
              .map(({ id, ptype, rule: document, ...columns }) =>
                [ptype, ...(document ?? Object.values(columns).filter((value) => value !== null))].join(' '),
              )
              .sort();
          };
          const start = (policy: PolicyDefinition, seeders: object[] = []) =>
            bootstrapDatabase(pool, { ...options, policy, seeders: seeders as never });

          const all = [{ kind: 'start' as const, release: 0 }, ...events];
          for (const one of all) {
            counts[one.kind] = (counts[one.kind] ?? 0) + 1;
            if ('release' in one) {
              const policy = releases.at(
                one.release === 'last' ? -1 : one.release % releases.length,
              ) as PolicyDefinition;
              if (one.kind === 'script') {
                model.start(policy);
                const given = { ...options, policy, seeders: [] };
                await pool.query(await writeBootstrapSql(given));
              } else if (one.kind === 'crash') {
                await expect(start(policy, [KILLER])).rejects.toMatchObject({ name: 'ConnectionError' });
              } else {
                const { keptAway, left } = model.start(policy);
                const report = await start(policy);
                expect(report.verification).toMatchObject({ ok: true });
                const told = report.verification.keptAway.map((away) => [away.rule.join(' '), away.because]);
                expect(told.sort()).toEqual(keptAway);
                expect(report.verification.left.map((one) => one.join(' ')).sort()).toEqual(left);
                count('left', left.length);
                for (const [, because] of keptAway) counts[because] = (counts[because] ?? 0) + 1;
                const { removed = [], reassigned = 0, renamed = [] } = report.ownership ?? {};
                count('removed', removed.length);
                count('reassigned', reassigned);
                count('renamed', renamed.length);
              }
            } else {
              const known = [
                ...new Set(releases.flatMap(compilePolicy).map(({ ptype, values }) => [ptype, ...values])),
                ...releases.flatMap(({ retired }) =>
                  Object.keys(retired?.roles ?? {}).flatMap((role) =>
                    [
                      ['g', 'ann', role],
                      ['g', 'bob', role],
                      ['p', role, 'x', 'write'],
                    ].map(shape.write),
                  ),
                ),
              ];
              const picked =
                typeof one.rule === 'number' ? known[one.rule % known.length] : shape.write(one.rule);
              const [ptype = '', ...values] = picked ?? [];
              // changePolicy refuses a role that nobody knows any more.
              const isGone =
                ptype.startsWith('g') &&
                !named.some(({ roles = {} }) => Object.hasOwn(roles, values[1] ?? ''));
              const isLate =
                ptype.startsWith('g') &&
                releases.some(({ retired }) => Object.hasOwn(retired?.roles ?? {}, values[1] ?? ''));
              const bySql = one.kind === 'grant' ? 'insert by SQL' : 'delete by SQL';
              const isChangeable = ptype === 'p' || ptype === shape.write(['g', '', ''])[0];
              const kind =
                (!isChangeable && /grant|revoke/.test(one.kind)) ||
                (one.kind === 'grant' && (isGone || isLate))
                  ? bySql
                  : one.kind;
              await administer(kind, ptype, values);
              model.administer(kind, [ptype, ...values].join(' '));
            }
            expect(await stored(), JSON.stringify(one)).toEqual(model.rules());
          }

          async function administer(kind: string, ptype: string, values: string[]) {
            if (kind === 'insert by SQL') {
              if (!model.has([ptype, ...values].join(' '))) await layout.insert(pool, [ptype, ...values]);
              return;
            }
            if (kind === 'delete by SQL') {
              const { ruleTable } = layout;
              const given = ruleTable.give([{ ptype, values }]);
              const names = given.arrays.map((_, index) => `$${index + 1}::text[]`).join(', ');
              await pool.query(
                `delete from ${layout.table} stored using unnest(${names}) given (${given.names}) where ${given.isSame('stored')}`,
                [...given.arrays],
              );
              return;
            }
            const [added, removed] = ptype === 'p' ? ['grant', 'revoke'] : ['assign', 'unassign'];
            const name = kind === 'grant' ? added : removed;
            const reason = kind === 'revoke with a reason' ? { reason: 'audit' } : {};
            const client = await pool.connect();
            await changePolicy(
              client,
              { [name as 'grant']: [values] },
              { ...options, actor: 'root', ...reason },
            ).finally(() => client.release());
          }
        },
      ),
      {
        numRuns: Number(process.env.RELEASE_ROUNDS ?? 6),
        endOnFailure: true,
        examples: [LATE_LINK, EACH_OUTCOME],
      },
    );
  });
});

test('each kind of event and of outcome took place', () => {
  for (const kind of [
    'start',
    'script',
    'crash',
    'revoke with a reason',
    'revoke',
    'grant',
    'delete by SQL',
    'insert by SQL',
    'revoked',
    'vanished',
    'newer version',
    'removed',
    'renamed',
    'reassigned',
    'left',
  ])
    expect(counts[kind], kind).toBeGreaterThan(0);
});

function count(what: string, amount: number): void {
  counts[what] = (counts[what] ?? 0) + amount;
}

/** Ends the connection in the middle of a bootstrap, as the end of the process does. */
const KILLER = {
  name: 'killer',
  seed: async ({ db }: { db: { executeQuery(query: object): Promise<unknown> } }) => {
    const { sql } = await import('kysely');
    await sql`select pg_terminate_backend(pg_backend_pid())`.execute(db as never);
    return { inserted: 0, existing: 0 };
  },
};
