import type { Argument, Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { EXIT_MEANINGS } from '../../src/cli/exit-code.ts';
import { readProgram } from '../cli/program.fixture.ts';

const { program, commands, helpOf } = readProgram();

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function argumentRow(argument: Argument): string[] {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return [code(argument.required ? `<${name}>` : `[${name}]`), sentence(argument.description), '', ''];
}

function optionRow({ flags, description, mandatory, argChoices, defaultValue }: Option): string[] {
  return [
    code(flags),
    `${sentence(description)}${mandatory ? ' (required)' : ''}`,
    (argChoices ?? []).map(code).join(', '),
    defaultValue === undefined ? '' : code(String(defaultValue)),
  ];
}

/** Of which the program itself has some: they are told once. */
function optionsOf(command: Command): Option[] {
  return command.options.filter(({ hidden }) => !hidden);
}

function examplesOf(command: Command): string {
  const [, rest = ''] = helpOf(command).split('\nExamples:\n');
  const [examples = ''] = rest.split('\n\n');
  return examples
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => `npx ${line}`)
    .join('\n');
}

function section(command: Command): string {
  const aliases = command.aliases();
  const rows = [...command.registeredArguments.map(argumentRow), ...optionsOf(command).map(optionRow)];
  return [
    `## ${command.name()}`,
    command.description(),
    ...(aliases.length > 0 ? [`Also called ${aliases.map(code).join(', ')}.`] : []),
    `\`\`\`text\ncasbin-bootstrap ${command.name()} ${command.usage()}\n\`\`\``,
    ...(rows.length > 0 ? [table(['argument', 'meaning', 'choices', 'default'], rows)] : []),
    `\`\`\`sh\n${examplesOf(command)}\n\`\`\``,
  ].join('\n\n');
}

test('docs/cli-reference.md has every command with its options; vitest --update writes it', async () => {
  expect(commands.length).toBeGreaterThan(10);
  const page = `# Reference of the command line

Every command with its arguments and options, written from the program itself. [The command line](cli.md) shows what they print and how they are used.

${table(
  ['command', 'does'],
  commands.map((command) => [`[${code(command.name())}](#${command.name()})`, command.description()]),
)}

## Options of every command

${table(['option', 'meaning', 'choices', 'default'], program.options.map(optionRow))}

## Exit codes

${table(
  ['code', 'meaning'],
  Object.entries(EXIT_MEANINGS).map(([exitCode, meaning]) => [exitCode, meaning]),
)}

${commands.map(section).join('\n\n')}
`;
  await expect(page).toMatchFileSnapshot('../../docs/cli-reference.md');
});
