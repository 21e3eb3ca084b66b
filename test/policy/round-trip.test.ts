import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { InvalidOptionsError } from '../../src/errors.ts';
import { type PolicyDefinition, policyToCsv } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { parseCsv } from '../../src/policy/csv.ts';
import { parseJson } from '../../src/policy/json.ts';
import { type Rule, ruleKey } from '../../src/policy/rule.ts';
import { parseYaml } from '../../src/policy/yaml.ts';

const awkward = fc.constantFrom(
  ...[
    '"',
    '""',
    ',',
    ', ',
    '(',
    ')',
    '#',
    ' ',
    '\t',
    '\r',
    '\n',
    '*',
    '/',
    "'",
    '\\',
    'a',
    '1',
    '\u00a0',
    '😀',
    '=',
  ],
);
const value = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.array(awkward, { maxLength: 6 }).map((parts) => parts.join('')),
  fc.constantFrom('admin', 'true', 'null', '1', '-', '__proto__', 'constructor', '~', '<<', '2024-01-01', ''),
);
const list = fc.array(value, { maxLength: 4 });
const role = fc.record(
  { inherits: list, permissions: fc.dictionary(value, list, { maxKeys: 4 }) },
  { requiredKeys: [] },
);
const definition: fc.Arbitrary<PolicyDefinition> = fc.record(
  {
    roles: fc.dictionary(value, role, { maxKeys: 4 }),
    rules: fc.array(
      fc
        .tuple(fc.constantFrom('p', 'p2', 'g', 'g2'), value, list)
        .map(([ptype, first, more]) => [ptype, first, ...more]),
    ),
  },
  { requiredKeys: [] },
);

function keysOf(policy: unknown): string[] {
  return compilePolicy(policy as PolicyDefinition).map(ruleKey);
}

test('YAML and JSON carry every definition', () => {
  fc.assert(
    fc.property(definition, (policy) => {
      const yaml = parseYaml(
        'policy.yaml',
        stringify(policy, { defaultKeyType: 'QUOTE_DOUBLE', blockQuote: false }),
      );
      const json = parseJson('policy.json', JSON.stringify(policy));
      expect([...yaml.problems, ...json.problems]).toEqual([]);
      expect(keysOf(yaml.value)).toEqual(keysOf(policy));
      expect(keysOf(json.value)).toEqual(keysOf(policy));
    }),
    { numRuns: 300 },
  );
});

test('policyToCsv writes what reads back as the same rules, or names the ones that it can not write', () => {
  let rulesWritten = 0;
  fc.assert(
    fc.property(definition, (policy) => {
      const rules = compilePolicy(policy);
      const refused = placesRefused(policy);
      const writable = rules.filter(({ at }) => !refused.has(at));
      const text = policyToCsv({ rules: writable.map(({ ptype, values }) => [ptype, ...values]) });
      const { value: read, problems } = parseCsv('policy.csv', text);
      expect(problems).toEqual([]);
      expect(keysOf(read)).toEqual(writable.map(ruleKey));
      expect(rules.filter(({ at }) => refused.has(at)).filter(isCertainlyWritable)).toEqual([]);
      rulesWritten += writable.length;
    }),
    { numRuns: 300 },
  );
  expect(rulesWritten).toBeGreaterThan(500);
});

function placesRefused(policy: PolicyDefinition): Set<string> {
  try {
    policyToCsv(policy);
    return new Set();
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    return new Set(error.problems.map(({ at }) => at));
  }
}

/** Commas, quotes and anything else inside a value can be written; only these can not. */
function isCertainlyWritable({ values }: Rule): boolean {
  return values.every((text) => text === text.trim() && !/[\n\r()]/.test(text) && text.isWellFormed());
}
