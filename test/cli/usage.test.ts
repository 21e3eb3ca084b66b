import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { runCli, spawnCli } from './run-cli.ts';
import { expectNoStack } from './seed.fixture.ts';

describe('casbin-bootstrap', () => {
  test.each([
    { wrong: 'no command', args: [] },
    { wrong: 'an unknown command', args: ['sow'] },
    { wrong: 'an unknown option', args: ['seed', '--force'] },
    { wrong: 'a missing value', args: ['seed', '--schema'] },
    { wrong: 'an argument too many', args: ['seed', 'everything'] },
  ])('ends with exit code 2 for wrong usage: $wrong', async ({ args }) => {
    const result = await runCli(args);

    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).not.toBe('');
    expectNoStack(result.stderr);
  });

  test('prints its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    await expect(spawnCli(['--version'])).resolves.toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('explains its commands and their options', async () => {
    const program = await runCli(['--help']);
    expect(program).toMatchObject({ code: 0, stderr: '' });
    expect(program.stdout).toMatch(/^ {2}seed /m);

    const seed = await runCli(['help', 'seed']);
    expect(seed).toMatchObject({ code: 0, stderr: '' });
    for (const option of ['--schema', '--table', '--dry-run', '--json', '--embedded'])
      expect(seed.stdout).toContain(option);
  });
});
