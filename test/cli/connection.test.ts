import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { namesDatabase, openNamedDatabase } from '../../src/cli/connection.ts';
import type { ConnectionFlags } from '../../src/cli/flags.ts';
import type { CommandConfig } from '../../src/index.ts';
import { createFolder } from '../support/folder.ts';

interface Given {
  flags?: ConnectionFlags;
  env?: Record<string, string>;
  config?: CommandConfig;
}

/** pg itself reads its variables from the process. */
async function open({ flags = {}, env = {}, config = {} }: Given) {
  for (const name of Object.keys(process.env)) if (name.startsWith('PG')) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const hidden: string[] = [];
  const database = await openNamedDatabase({ flags, env, config, hidePassword: (url) => hidden.push(url) });
  onTestFinished(() => database.close());
  return { where: database.where, hidden };
}

const URLS = {
  flag: 'postgres://app@flag.example/d',
  env: 'postgres://app@env.example/d',
  config: 'postgres://app:s3cret@config.example/d',
};

describe('the database of a command', () => {
  test('is the one of the arguments, then of the environment, then of the configuration, then of libpq', async () => {
    const config = { databaseUrl: URLS.config };
    const env = { DATABASE_URL: URLS.env, PGHOST: 'libpq.example', PGUSER: 'app' };
    const { DATABASE_URL: _, ...libpq } = env;
    expect((await open({ flags: { databaseUrl: URLS.flag }, env, config })).where).toContain('flag.example');
    expect((await open({ env, config })).where).toContain('env.example');
    expect((await open({ env: libpq, config })).where).toContain('config.example');
    expect((await open({ env: libpq })).where).toBe('PostgreSQL at libpq.example:5432/app, as app');
  });

  test.each([
    [{ PGHOST: 'h', PGUSER: 'app', PGSERVICE: '' }, 'PostgreSQL at h:5432/app, as app'],
    [
      { PGHOSTADDR: '192.0.2.1', PGDATABASE: 'shop', PGPORT: '6432', PGUSER: 'app' },
      'PostgreSQL at 192.0.2.1:6432/shop, as app',
    ],
    [{ PGDATABASE: 'shop', PGUSER: 'app' }, 'PostgreSQL at localhost:5432/shop, as app'],
    [{ PGUSER: 'app' }, 'PostgreSQL at localhost:5432/app, as app'],
  ])('is what libpq would take: %o', async (env, where) => {
    expect((await open({ env })).where).toBe(where);
  });

  test('is on the host that is named, though it has an address beside it', async () => {
    const env = { PGHOSTADDR: '192.0.2.1', PGHOST: 'h', PGUSER: 'app' };
    expect((await open({ env })).where).toBe('PostgreSQL at h:5432/app, as app');
  });

  test.each([
    ['postgres:///shop', { PGHOSTADDR: '192.0.2.1' }, '192.0.2.1'],
    ['postgresql://app:s3cret@/shop?sslmode=disable', { PGHOSTADDR: '::1' }, '::1'],
    ['postgres://', { PGHOSTADDR: '192.0.2.1' }, '192.0.2.1'],
    ['postgres://?host=', { PGHOSTADDR: '192.0.2.1' }, '192.0.2.1'],
    ['postgres:///shop?port=5432&hostaddr=192.0.2.7', { PGHOSTADDR: '192.0.2.1', PGHOST: 'h' }, '192.0.2.7'],
    ['postgres:///shop', { PGHOSTADDR: '192.0.2.1', PGHOST: 'h' }, 'h'],
    ['postgres:///shop', {}, 'localhost'],
    ['postgres:///shop?host=h', { PGHOSTADDR: '192.0.2.1' }, 'h'],
    ['postgres://h/shop', { PGHOSTADDR: '192.0.2.1' }, 'h'],
    ['postgres://app@h', { PGHOSTADDR: '192.0.2.1' }, 'h'],
  ])('is on the host of its URL, or where libpq would find it: %s beside %o', async (url, more, host) => {
    const env = { DATABASE_URL: url, PGUSER: 'app', PGDATABASE: 'shop', ...more };
    expect((await open({ env })).where).toMatch(`PostgreSQL at ${host}:5432/`);
  });

  test('is an embedded one only where that is asked for, whatever else is there', async () => {
    expect((await open({ flags: { embedded: true }, env: { DATABASE_URL: URLS.env } })).where).toBe(
      `embedded PostgreSQL in ${process.cwd()}/.data/pglite`,
    );
    expect((await open({ flags: { embedded: 'some/folder' } })).where).toBe(
      `embedded PostgreSQL in ${process.cwd()}/some/folder`,
    );
  });

  test('is named by any of these, for commands that also work without one', () => {
    const names = ({ flags = {}, env = {}, config = {} }: Given) => namesDatabase({ flags, env, config });
    expect(names({})).toBe(false);
    expect(names({ flags: { embedded: true } })).toBe(true);
    expect(names({ flags: { databaseUrl: URLS.flag } })).toBe(true);
    expect(names({ env: { DATABASE_URL: URLS.env } })).toBe(true);
    expect(names({ env: { DATABASE_URL: '' } }), 'which is refused later').toBe(true);
    for (const name of ['PGSERVICE', 'PGHOST', 'PGHOSTADDR', 'PGDATABASE', 'PGUSER'])
      expect(names({ env: { [name]: 'shop' } }), name).toBe(true);
    expect(names({ config: { databaseUrl: URLS.config } })).toBe(true);
  });

  test.each([
    ['nothing', {}],
    [
      'variables that name no database',
      { PGSSLMODE: 'require', PGPASSWORD: 'x', PGPORT: '5432', PGHOST: '' },
    ],
  ])('is not made up from %s', async (_, env) => {
    const error: unknown = await open({ env }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS', problems: [{ code: 'DATABASE_UNNAMED' }] });
    for (const way of [
      '--database-url',
      'DATABASE_URL',
      'PGHOST',
      'PGSERVICE',
      '--embedded [DIR]',
      'databaseUrl',
    ])
      expect(String(error)).toContain(way);
  });

  test.each([true, 'some/folder'] as const)('is not two at once: %s', async (embedded) => {
    const flags = { databaseUrl: URLS.flag, embedded };
    await expect(open({ flags })).rejects.toMatchObject({
      problems: [
        {
          code: 'OPTION_INVALID',
          at: '--embedded',
          message: expect.stringContaining('than --database-url.'),
        },
      ],
    });
  });

  test.each([
    ['--database-url', { flags: { databaseUrl: '' }, env: { DATABASE_URL: URLS.env } }],
    ['DATABASE_URL', { env: { DATABASE_URL: '' }, config: { databaseUrl: URLS.config } }],
    ['databaseUrl', { config: { databaseUrl: 'mysql://h/d' }, env: { PGHOST: 'h' } }],
  ] satisfies [string, Given][])('is refused at %s, rather than taken from elsewhere', async (at, given) => {
    await expect(open(given)).rejects.toMatchObject({ problems: [{ at }] });
  });

  test('has its password hidden, from wherever it comes', async () => {
    expect((await open({ config: { databaseUrl: URLS.config } })).hidden).toEqual([URLS.config]);
  });
});

describe('a service of libpq', async () => {
  const FILE = `# services
[shop-old]
host=old.example

[shop]
# host=commented.example
nonsense
host=db.example
host=second.example
port = 6432
dbname=shop & 50% more #1?
user=app
password=p@ss=word
sslmode=disable
  [last]\r
host=last.example
application_name=last
[address]
hostaddr=192.0.2.1
user=app
[untrusted]
sslrootcert=/nowhere/ca.pem
[nowhere]
user=app
[both]
hostaddr=192.0.2.1
host=both.example
user=app
`;

  async function serviceFile(): Promise<string> {
    const file = join(await createFolder(), 'services.conf');
    await writeFile(file, FILE);
    return file;
  }

  test('is read from its file, which pg does not do', async () => {
    const env = { PGSERVICE: 'shop', PGSERVICEFILE: await serviceFile(), PGHOST: 'not.example' };
    const { where, hidden } = await open({ env });
    expect(where).toBe('PostgreSQL at db.example:6432/shop & 50% more %231%3F, as app');
    expect(hidden).toEqual([
      'postgres:///shop%20&%2050%25%20more%20%231%3F?host=db.example&port=6432&user=app&password=p%40ss%3Dword&sslmode=disable',
    ]);
  });

  test.each([
    ['address', '192.0.2.1', {}],
    ['both', 'both.example', {}],
    ['nowhere', 'localhost', {}],
    ['nowhere', '192.0.2.7', { PGHOSTADDR: '192.0.2.7' }],
    ['address', '192.0.2.1', { PGHOSTADDR: '192.0.2.7' }],
    ['both', 'both.example', { PGHOSTADDR: '192.0.2.7' }],
  ])(
    'is on its host, else at its address, else where the variables say: %s is on %s, beside %o',
    async (service, host, more) => {
      const env = { PGSERVICE: service, PGSERVICEFILE: await serviceFile(), ...more };
      expect((await open({ env })).where).toBe(`PostgreSQL at ${host}:5432/app, as app`);
    },
  );

  test.each(['PGSYSCONFDIR', 'HOME'])('is looked for in other places too: %s', async (name) => {
    const folder = await createFolder();
    await writeFile(join(folder, name === 'HOME' ? '.pg_service.conf' : 'pg_service.conf'), FILE);
    const file = name === 'HOME' ? {} : { PGSERVICEFILE: `${folder}/none` };
    const env = { PGSERVICE: 'last', [name]: folder, PGUSER: 'app', ...file };
    expect((await open({ env })).where).toBe('PostgreSQL at last.example:5432/app, as app');
  });

  test('that can not be used is an error of the service', async () => {
    const env = { PGSERVICE: 'untrusted', PGSERVICEFILE: await serviceFile() };
    await expect(open({ env })).rejects.toMatchObject({
      problems: [{ at: 'PGSERVICE', message: expect.stringContaining('/nowhere/ca.pem') }],
    });
  });

  test('that no file has is an error that names the files', async () => {
    const env = { PGSERVICE: 'none', PGSERVICEFILE: await serviceFile(), PGSYSCONFDIR: '/nowhere' };
    const fact = `no service "none" is in ${env.PGSERVICEFILE} or /nowhere/pg_service.conf. Correct`;
    await expect(open({ env })).rejects.toMatchObject({
      problems: [{ code: 'OPTION_INVALID', at: 'PGSERVICE', message: expect.stringContaining(fact) }],
    });
  });
});
