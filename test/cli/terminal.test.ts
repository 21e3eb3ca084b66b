import { WriteStream } from 'node:tty';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { type CliOptions, runCli } from './run-cli.ts';

/** What of the environment says something about colours. */
const ABOUT_COLORS = ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI', 'TMUX', 'COLORTERM'];

beforeEach(() => {
  for (const name of ABOUT_COLORS) vi.stubEnv(name, undefined);
  return () => vi.unstubAllEnvs();
});

/** Runs a command whose result goes to a terminal of this width. */
async function runInTerminal(args: string[], columns: number, env: CliOptions['env'] = {}): Promise<string> {
  const terminal = Object.create(process.stdout, {
    isTTY: { value: true },
    columns: { value: columns },
    // How Node itself tells the colours of a terminal.
    hasColors: { value: WriteStream.prototype.hasColors },
    getColorDepth: { value: WriteStream.prototype.getColorDepth },
  });
  const stdout = vi.spyOn(process, 'stdout', 'get').mockReturnValue(terminal);
  onTestFinished(() => stdout.mockRestore());
  return (await runCli(args, { env, cwd: await createFolder() })).stdout;
}

describe('colours', () => {
  const EXPLAIN = ['explain', 'user', 'accounts', 'read', '--offline'];

  test('are for a terminal', async () => {
    expect(await runInTerminal(EXPLAIN, 80, { TERM: 'xterm' })).toContain('is \u001b[32mallowed\u001b[39m');
  });

  test.each([{ TERM: 'xterm', NO_COLOR: '1' }, { TERM: 'dumb' }])(
    'are not for a terminal with %o',
    async (env) => {
      expect(await runInTerminal(EXPLAIN, 80, env)).toMatch(/^"user, accounts, read" is allowed$/m);
    },
  );

  test('are not for a pipe, whatever its reader could show', async () => {
    const { stdout } = await runCli(EXPLAIN, { env: { FORCE_COLOR: '1' }, cwd: await createFolder() });
    expect(stdout).toMatch(/^"user, accounts, read" is allowed$/m);
  });
});

test('nothing is logged where LOG_LEVEL is empty or silent, by a command that logs where it is info', async () => {
  const { url } = await createDatabase();
  const log = async (level: string) => {
    const env = { DATABASE_URL: url, LOG_LEVEL: level };
    const { code, stderr } = await runCli(['seed', '--dry-run'], { env, cwd: await createFolder() });
    expect(code).toBe(0);
    return stderr;
  };
  expect(await log('')).toBe('');
  expect(await log('silent')).toBe('');
  expect(await log('info')).toContain('"event":"seeding_started"');
});

test.each([
  { columns: 30, tables: 3 },
  { columns: 200, tables: 1 },
  { columns: 0, tables: 1 },
])('a matrix fits into $columns columns, as $tables tables', async ({ columns, tables }) => {
  const stdout = await runInTerminal(['matrix', '--offline'], columns);
  expect(stdout.match(/^ +obj act/gm)).toHaveLength(tables);
});
