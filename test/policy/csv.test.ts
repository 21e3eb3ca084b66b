import { readFileSync, writeFileSync } from 'node:fs';
import { FileAdapter, newModel } from 'casbin';
import { expect, test } from 'vitest';
import { definePolicy, loadPolicyFile, policyToCsv } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { csvExamples } from './csv-examples.ts';
import { loadProblems, writeTemporary } from './temporary-file.ts';

const fileSystem = {
  readFileSync: (path: string) => readFileSync(path),
  writeFileSync: (path: string, text: string) => writeFileSync(path, text),
};

/** The rules that Casbin's own adapter reads from a policy file, by ptype. */
async function readByCasbin(definitions: string, path: string): Promise<Record<string, string[][]>> {
  const model = newModel(
    `[request_definition]\nr = sub\n[policy_definition]\n${definitions}\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = true`,
  );
  await new FileAdapter(path, fileSystem).loadPolicy(model);
  const assertions = ['p', 'g'].flatMap((section) => [...(model.model.get(section) ?? [])]);
  return Object.fromEntries(assertions.map(([ptype, { policy }]) => [ptype, policy]));
}

async function readByUs(path: string): Promise<Record<string, string[][]>> {
  const rules: Record<string, string[][]> = {};
  for (const { ptype, values } of compilePolicy(await loadPolicyFile(path))) {
    rules[ptype] = [...(rules[ptype] ?? []), [...values]];
  }
  return rules;
}

test.each(Object.entries(csvExamples))(
  '%s: the rules are those that Casbin reads',
  async (_, { definitions, csv }) => {
    const path = await writeTemporary('policy.csv', csv);
    const rules = await readByUs(path);
    expect(rules).toEqual(await readByCasbin(definitions, path));
    expect(Object.keys(rules)).not.toEqual([]);
  },
);

test.each(Object.entries(csvExamples))(
  '%s: written again, Casbin reads the same',
  async (_, { definitions, csv }) => {
    const original = await writeTemporary('policy.csv', csv);
    const written = await writeTemporary('written.csv', policyToCsv(await loadPolicyFile(original)));
    expect(await readByCasbin(definitions, written)).toEqual(await readByCasbin(definitions, original));
  },
);

test('a definition is written as people write CSV, quoted only where it must be', () => {
  const policy = definePolicy({
    roles: { viewer: { permissions: { 'annual, report': ['read'] } }, clerk: { inherits: ['viewer'] } },
    rules: [
      ['p', 'say "hi"', 'f(a, b)', '"quoted"'],
      ['g2', 'data1', ''],
    ],
  });
  expect(policyToCsv(policy)).toBe(
    [
      'p, viewer, "annual, report", read',
      'g, clerk, viewer',
      'p, say "hi", "f(a, b)", """""""quoted"""""""',
      'g2, data1, ',
      '',
    ].join('\n'),
  );
  expect(policyToCsv({})).toBe('');
});

test('every rule that CSV can not carry is named', async () => {
  const write = async () =>
    policyToCsv({
      rules: [
        ['p', 'fine', 'x'],
        ['p', ' padded', 'x'],
        ['p', 'two\nlines', 'x'],
        ['p', 'f(x', 'x'],
        ['#p', 'x', 'y'],
      ],
    });
  expect(await loadProblems(write(), '')).toEqual([
    expect.stringMatching(/policy\.rules\[1\] VALUE_DISTORTED rule "p, " padded", x"/),
    expect.stringMatching(/policy\.rules\[2\] VALUE_DISTORTED /),
    expect.stringMatching(/policy\.rules\[3\] VALUE_DISTORTED /),
    expect.stringMatching(/policy\.rules\[4\] VALUE_DISTORTED /),
  ]);
});
