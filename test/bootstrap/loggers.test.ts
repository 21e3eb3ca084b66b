import { type BaseLogger, type Bindings, type ChildLoggerOptions, pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import {
  bootstrapDatabase,
  bootstrapTenants,
  type LoggerLike,
  rowSeeder,
  type Seeder,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

/** Fastify's, as its types have it. */
type FastifyBaseLogger = Pick<
  BaseLogger,
  'level' | 'info' | 'error' | 'debug' | 'fatal' | 'warn' | 'trace' | 'silent'
> & {
  child(bindings: Bindings, options?: ChildLoggerOptions): FastifyBaseLogger;
};

type Line = [level: string, fields: object, message: string | undefined];

/** Has nothing but the three methods, which need their own `this`. */
class Minimal {
  readonly #lines: Line[];

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  debug(fields: object, message?: string) {
    this.#lines.push(['debug', fields, message]);
  }

  info(fields: object, message?: string) {
    this.#lines.push(['info', fields, message]);
  }

  warn(fields: object, message?: string) {
    this.#lines.push(['warn', fields, message]);
  }
}

class WithChildren extends Minimal {
  readonly #lines: Line[];

  constructor(lines: Line[]) {
    super(lines);
    this.#lines = lines;
  }

  child(fields: object): LoggerLike {
    const write = (level: string) => (own: object, message?: string) => {
      this.#lines.push([level, { by: 'child', ...fields, ...own }, message]);
    };
    return { debug: write('debug'), info: write('info'), warn: write('warn') };
  }
}

const speaking: Seeder = {
  name: 'speaking',
  async seed({ logger }) {
    logger.info({ event: 'own' }, 'Mine');
    logger.warn({ event: 'own_warning' });
    return { inserted: 0, existing: 0 };
  },
};
const units = rowSeeder({ name: 'units', table: 'unit', key: 'code', rows: [{ code: 'kg' }, { code: 'm' }] });

async function openWithUnits() {
  const pool = (await createDatabase()).pool();
  await pool.query(`create table unit (code text primary key); insert into unit values ('m')`);
  return pool;
}

/** What a logger must be told by a seeding of {@link units}. */
const UNITS: Line[] = [
  ['info', { event: 'units_seeded', code: 'kg' }, 'Row inserted'],
  ['debug', { event: 'units_exists', code: 'm' }, 'Row exists'],
];

test('loggers of pino and Fastify, and the console, are accepted by the types', () => {
  const fastify: FastifyBaseLogger = pino({ level: 'silent' });
  const loggers: LoggerLike[] = [
    pino({ level: 'silent' }),
    pino({ level: 'silent' }).child({}),
    fastify,
    console,
    new Minimal([]),
    new WithChildren([]),
    { debug() {}, info() {}, warn() {} },
  ];
  // @ts-expect-error: without one of the three levels there is nowhere for its lines to go
  const incomplete: LoggerLike = { debug() {}, info() {} };
  expect([...loggers, incomplete]).toHaveLength(8);
});

describe('a bootstrap logs to a logger that has', () => {
  test.each<[string, new (lines: Line[]) => LoggerLike]>([
    ['debug, info and warn', Minimal],
    ['a child method beside them', WithChildren],
  ])('nothing but %s', async (_, Logger) => {
    const pool = await openWithUnits();
    const lines: Line[] = [];

    await bootstrapDatabase(pool, { seeders: [units, speaking], logger: new Logger(lines) });

    expect(lines).toEqual(
      expect.arrayContaining([
        ...UNITS,
        ['info', { event: 'own' }, 'Mine'],
        ['warn', { event: 'own_warning' }, undefined],
      ]),
    );
  });

  test('the methods of the console', async () => {
    const pool = await openWithUnits();
    const lines: Line[] = [];
    for (const level of ['debug', 'info', 'warn'] as const) {
      vi.spyOn(console, level).mockImplementation((fields, message) => lines.push([level, fields, message]));
    }
    try {
      await bootstrapDatabase(pool, { seeders: [units], logger: console });
    } finally {
      vi.restoreAllMocks();
    }

    expect(lines).toEqual(expect.arrayContaining(UNITS));
  });

  test('a level: no line below it is made', async () => {
    const pool = await openWithUnits();
    const lines: Line[] = [];
    const logger = Object.assign(new Minimal(lines), { isLevelEnabled: () => false });

    await bootstrapDatabase(pool, { seeders: [units], logger });

    const events = lines.map(([, fields]) => Reflect.get(fields, 'event'));
    expect(events).toContain('units_seeding_complete');
    expect(events).not.toContain('units_seeded');
    expect(events).not.toContain('units_exists');
  });
});

describe('what belongs to every line is in every line', () => {
  test.each<[string, new (lines: Line[]) => LoggerLike, object]>([
    ['put there by the bootstrap', Minimal, {}],
    ["put there by the logger's child", WithChildren, { by: 'child' }],
  ])('of a dry run, %s', async (_, Logger, by) => {
    const pool = await openWithUnits();
    const lines: Line[] = [];

    await bootstrapDatabase(pool, { dryRun: true, seeders: [units, speaking], logger: new Logger(lines) });

    expect(lines).toContainEqual(['warn', { ...by, dryRun: true, event: 'own_warning' }, undefined]);
    for (const [, fields] of lines) expect(fields).toMatchObject({ ...by, dryRun: true });
  });

  test('of a tenant, whose failure is logged as a warning if there is no level for errors', async () => {
    const pool = await openWithUnits();
    const lines: Line[] = [];
    const broken = rowSeeder({ name: 'units', table: 'nowhere', key: 'code', rows: [{ code: 'kg' }] });

    const tenants = [{ name: 'acme', pool }];
    await bootstrapTenants(tenants, { seeders: [broken], logger: new Minimal(lines) });
    const failed = lines.find(([, fields]) => Reflect.get(fields, 'event') === 'tenant_failed');
    expect(failed).toEqual([
      'warn',
      expect.objectContaining({ tenant: 'acme', code: 'TABLE_MISSING' }),
      'Tenant failed',
    ]);

    const errors: object[] = [];
    const logger = Object.assign(new Minimal(lines), { error: (fields: object) => errors.push(fields) });
    await bootstrapTenants(tenants, { seeders: [broken], logger });
    expect(errors).toEqual([expect.objectContaining({ tenant: 'acme', event: 'tenant_failed' })]);
    expect(lines.filter(([, fields]) => !('tenant' in fields))).toEqual([
      ['info', expect.objectContaining({ event: 'tenants_completed' }), 'Tenants completed'],
      ['info', expect.objectContaining({ event: 'tenants_completed' }), 'Tenants completed'],
    ]);
  });
});
