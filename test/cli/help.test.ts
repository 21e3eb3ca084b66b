import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { EXIT_MEANINGS } from '../../src/cli/exit-code.ts';
import { readProgram } from './program.fixture.ts';

/** What each command prints as its help, by its name. */
function readHelp(): Map<string, string> {
  const { program, commands, helpOf } = readProgram();
  return new Map([program, ...commands].map((command) => [command.name(), helpOf(command)]));
}

test('every command explains itself, with examples and the options of all', () => {
  const help = readHelp();
  expect([...help.keys()]).toEqual([
    'casbin-bootstrap',
    'init',
    'seed',
    'plan',
    'status',
    'verify',
    'lint',
    'test',
    'explain',
    'diff',
    'matrix',
    'graph',
    'export',
    'import',
    'grant',
    'revoke',
    'assign',
    'unassign',
    'history',
    'doctor',
    'report',
    'serve',
    'completion',
  ]);
  for (const [name, text] of help) {
    expect(text, name).toMatch(/\nExamples:\n {2}casbin-bootstrap /);
    expect(text, name).toContain('--config <file>');
    expect(text, name).toContain('--verbose');
  }
});

test('options of the definition and of the database are listed apart from those of a command alone', () => {
  expect(readHelp().get('seed')).toMatch(
    /^Options:\n.*--dry-run.*^Definition:\n +--policy .*--model .*^Database:\n +--database-url .*--table /ms,
  );
});

test('an example begins with the command that it is shown for', () => {
  for (const [name, text] of readHelp()) {
    if (name === 'casbin-bootstrap') continue;
    const [, examples = ''] = text.split('\nExamples:\n');
    for (const line of examples.trim().split('\n')) {
      expect(line).toMatch(new RegExp(`^ *casbin-bootstrap (${name}|pull)\\b`));
    }
  }
});

test('every option of every command that takes a value is refused if it is given twice', async () => {
  const { commands: listed, program: all } = readProgram();
  const refused: string[] = [];
  for (const { name, options } of [all, ...listed].map((one) => ({
    name: one.name(),
    options: one.options,
  }))) {
    for (const { long, flags, required, optional, argChoices } of options) {
      if (long === undefined || long === null || !(required || optional)) continue;
      const { program } = readProgram();
      for (const command of program.commands) {
        command
          .exitOverride()
          .configureOutput({ writeErr: () => {} })
          .action(() => {});
      }
      const value = argChoices?.[0] ?? (flags.endsWith('<time>') ? '2026-01-01' : '1');
      const command = program === all || name === program.name() ? 'lint' : name;
      const once = [command, long, value];
      await expect(
        program.parseAsync([...once, `${long}=${value}`], { from: 'user' }),
        flags,
      ).rejects.toThrow(`error: option '${flags}' is given twice, and takes one value. Give it once.`);
      refused.push(`${name} ${long}`);
    }
  }
  expect(refused).toContain('casbin-bootstrap --config');
  expect(refused).toContain('seed --policy');
  expect(refused).toContain('seed --embedded');
  expect(refused).toContain('test --coverage');
});

test('docs/cli.md has every command, and every exit code', async () => {
  const docs = await readFile('docs/cli.md', 'utf8');
  for (const name of readHelp().keys())
    if (name !== 'casbin-bootstrap') expect(docs).toContain(`| \`${name}`);
  for (const [code, meaning] of Object.entries(EXIT_MEANINGS)) {
    expect(docs).toContain(`\n| ${code} | `);
    expect(readHelp().get('casbin-bootstrap')).toContain(`\n  ${code}  ${meaning}`);
  }
});
