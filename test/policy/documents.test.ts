import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  type BootstrapOptions,
  definePolicy,
  domainsModelPath,
  InvalidOptionsError,
  loadPolicyFile,
  type PolicyDefinition,
} from '../../src/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { ruleKey } from '../../src/policy/rule.ts';
import { writeTemporary } from './temporary-file.ts';

const pool = { connect: () => Promise.reject(new Error('no database is needed')) };

/** The sections of the page by heading, each with its code blocks by language. */
async function readSections(): Promise<Map<string, Map<string, string>>> {
  const page = await readFile('docs/policies.md', 'utf8');
  const sections = page.split(/^##+ /m).map((section) => {
    const blocks = section.matchAll(/^```(\w+)\n(.*?)^```$/gms);
    return [
      section.split('\n', 1)[0] ?? '',
      new Map(Array.from(blocks, ([, name = '', code = '']) => [name, code])),
    ] as const;
  });
  return new Map(sections);
}

const sections = await readSections();
const models = [...sections].filter(([, blocks]) => blocks.has('ini'));

test('the four forms in the documents compile to the same rules', async () => {
  const forms = sections.get('Four forms') ?? new Map<string, string>();
  const inCode: PolicyDefinition = new Function('definePolicy', `${forms.get('js')}; return policy;`)(
    definePolicy,
  );
  const expected = compilePolicy(inCode).map(ruleKey);
  expect(expected).toHaveLength(3);
  for (const ending of ['yaml', 'json', 'csv']) {
    const loaded = await loadPolicyFile(await writeTemporary(`policy.${ending}`, forms.get(ending) ?? ''));
    expect(compilePolicy(loaded).map(ruleKey), ending).toEqual(expected);
    if (ending !== 'csv') expect(loaded, ending).toEqual(inCode);
  }
});

test('the tenants in the documents compile to the rules that are shown, and keep their promises', async () => {
  const forms = sections.get('Tenants') ?? new Map<string, string>();
  const [code = ''] = forms.get('js')?.split('await bootstrapDatabase') ?? [];
  const inCode: PolicyDefinition = new Function('definePolicy', `${code}; return policy;`)(definePolicy);
  const policy = await writeTemporary('policy.yaml', forms.get('yaml') ?? '');
  const shown = await loadPolicyFile(await writeTemporary('policy.csv', forms.get('csv') ?? ''));
  expect(await loadPolicyFile(policy)).toEqual(inCode);
  expect(compilePolicy(inCode).map(ruleKey)).toEqual(compilePolicy(shown).map(ruleKey));

  const options = { policy, model: domainsModelPath, seeders: [] };
  const { promises } = await resolveOptions(pool, options);
  expect(promises.listed.filter(({ kind }) => kind === 'never')).toHaveLength(1);
  const contrary = { ...options, policy: { ...inCode, allow: inCode.never ?? [] } };
  await expect(resolveOptions(pool, contrary)).rejects.toThrow(InvalidOptionsError);
});

test('the documents have an example for every kind of model', () => {
  expect(models.map(([heading]) => heading)).toEqual([
    'Domains',
    'Resource roles',
    'Allow and deny',
    'Priorities',
    'Patterns',
    'Attributes',
    'Several policy definitions',
  ]);
});

/** The options of an example: its model and its policy, and what its code gives beside them. */
async function optionsOf(blocks: Map<string, string>, yaml: string) {
  const model = await writeTemporary('model.conf', blocks.get('ini') ?? '');
  const policy = await writeTemporary('policy.yaml', yaml);
  const inCode: BootstrapOptions = new Function(
    `${blocks.get('js') ?? 'const options = {}'}; return options;`,
  )();
  return { ...inCode, model, policy, seeders: [] };
}

test.each(models)('%s: the example keeps its own promises', async (_, blocks) => {
  const resolved = await resolveOptions(pool, await optionsOf(blocks, blocks.get('yaml') ?? ''));
  const written = resolved.promises.listed.filter(
    ({ kind }) => kind === 'allow' || kind === 'deny' || kind === 'never',
  );
  expect(written.length).toBeGreaterThan(0);
});

test.each(models)('%s: the example would fail if it said the contrary', async (_, blocks) => {
  const contrary =
    blocks
      .get('yaml')
      ?.replace('allow:', 'x')
      .replace(/^(deny|never):/m, 'y') ?? '';
  const turned = contrary.replace(/^x$/m, 'never:').replace(/^y$/m, 'allow:');
  const options = await optionsOf(blocks, turned);
  await expect(resolveOptions(pool, options)).rejects.toThrow(InvalidOptionsError);
});

test('the policy in the README loads', async () => {
  const readme = await readFile('README.md', 'utf8');
  const [, yaml = ''] = /## Policy as code.*?```yaml\n(.*?)```/s.exec(readme) ?? [];
  const policy = await writeTemporary('policy.yaml', yaml);
  await expect(resolveOptions(pool, { policy })).resolves.toMatchObject({
    defined: { rules: { length: 3 } },
  });
});
