import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';

/** The members of a union of codes, each with its comment as one line. */
function codesOf(source: string, type: string): { code: string; comment: string }[] {
  const [, union = ''] = new RegExp(`export type ${type} =(.*?');\\n`, 's').exec(source) ?? [];
  return [...union.matchAll(/\/\*\*(.*?)\*\/\s*\| '(\w+)'/gs)].map(([, comment = '', code = '']) => ({
    code,
    comment: comment.replaceAll(/\s+\*? ?/g, ' ').trim(),
  }));
}

function table(codes: readonly { code: string; comment: string }[]): string {
  const rows = codes.map(({ code, comment }) => {
    const [, cause, remedy] = /^(.*?\.) (.*)$/.exec(comment) ?? [];
    expect(remedy, `the comment of ${code} says what to do`).toBeDefined();
    return `| \`${code}\` | ${cause} | ${remedy} |`;
  });
  return ['| code | cause | what to do |', '|---|---|---|', ...rows].join('\n');
}

test('docs/errors.md has every code with cause and remedy; vitest --update writes it', async () => {
  const source = await readFile('src/error-codes.ts', 'utf8');
  const errors = codesOf(source, 'BootstrapErrorCode');
  const problems = codesOf(source, 'ProblemCode');
  const all = [...source.matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code]) => code);
  expect([...errors, ...problems].map(({ code }) => code)).toEqual(all);

  const page = `# Error codes

Every error is a \`BootstrapError\` with one of these codes. Its message says what is wrong, where, and what to do.

${table(errors)}

## Problems

An error with the code \`INVALID_OPTIONS\` lists in \`problems\` everything that is wrong with the input, each with one of these codes.

${table(problems)}
`;
  await expect(page).toMatchFileSnapshot('../../docs/errors.md');
});
