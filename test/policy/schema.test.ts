import { readFile } from 'node:fs/promises';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { checkFileShape } from '../../src/policy/definition-shape.ts';

let validate: ValidateFunction;

beforeAll(async () => {
  const schema = JSON.parse(await readFile('model/policy.schema.json', 'utf8'));
  validate = new Ajv({ strict: true }).compile(schema);
});

const scalar = fc.constantFrom<unknown>('a', '', 1, true, null);
const strings = fc.array(fc.constantFrom('a', 'b', ''), { maxLength: 3 });
const key = fc.constantFrom(
  'a',
  'inherits',
  'permissions',
  'constructor',
  'toString',
  '__proto__',
  'roles',
  'tenants',
  '$schema',
);

/** Mostly `right`, with something else in its place now and then. */
function mostly(right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 80, arbitrary: right },
    { weight: 1, arbitrary: fc.oneof(scalar, strings, fc.object()) },
  );
}

/** One of the right values, and now and then one of the wrong ones. */
function rarely(right: readonly unknown[], wrong: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.constantFrom(...wrong) },
  );
}

const names = mostly(fc.array(mostly(fc.constantFrom('a', 'b')), { maxLength: 3 }));
const lists = mostly(fc.array(names, { maxLength: 3 }));
const role = mostly(
  fc.record(
    {
      inherits: names,
      permissions: mostly(fc.dictionary(key, names)),
      onRevoked: rarely(['keep', 'restore'], ['no']),
    },
    { requiredKeys: [] },
  ),
);
const roles = mostly(fc.dictionary(key, role, { maxKeys: 2 }));
const domains = mostly(fc.record({ roles, tenants: names }));
const others = {
  rules: lists,
  allow: lists,
  deny: lists,
  never: lists,
  samples: lists,
  $schema: mostly(fc.constant('policy.schema.json')),
};
const versions = {
  version: rarely([1, 2], [0, 1.5, -1, '1', 2 ** 31, null]),
  retired: mostly(
    fc.record(
      {
        roles: mostly(
          fc.dictionary(
            key,
            mostly(fc.record({ reassign: mostly(fc.constantFrom('a', '')) }, { requiredKeys: [] })),
            { maxKeys: 2 },
          ),
        ),
        rules: lists,
      },
      { requiredKeys: [] },
    ),
  ),
  renamed: mostly(
    fc.record(
      { roles: mostly(fc.dictionary(key, mostly(fc.constantFrom('a', '')), { maxKeys: 2 })) },
      { requiredKeys: [] },
    ),
  ),
  onRevoked: rarely(['keep', 'restore'], ['Keep', null]),
};
const known = fc.oneof(
  { weight: 6, arbitrary: fc.record({ roles, ...versions }, { requiredKeys: [] }) },
  { weight: 8, arbitrary: fc.record({ roles, ...others }, { requiredKeys: [] }) },
  { weight: 8, arbitrary: fc.record({ domains, ...others }, { requiredKeys: ['domains'] }) },
  { weight: 1, arbitrary: fc.record({ roles, domains, ...others }, { requiredKeys: ['roles', 'domains'] }) },
);
const document = mostly(
  fc
    .tuple(
      known,
      fc.oneof(
        { weight: 40, arbitrary: fc.constant({}) },
        { weight: 1, arbitrary: fc.dictionary(key, scalar) },
      ),
    )
    .map(([right, extra]) => ({ ...extra, ...right })),
);

test('the JSON Schema accepts the files that are loaded, and no other', () => {
  const counts = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(document, (content) => {
      const problems = checkFileShape('policy.json', content);
      expect({ content, accepted: validate(content) }).toEqual({ content, accepted: problems.length === 0 });
      counts[problems.length === 0 ? 'accepted' : 'refused']++;
    }),
    { numRuns: 3_000 },
  );
  expect(counts.accepted).toBeGreaterThan(200);
  expect(counts.refused).toBeGreaterThan(200);
});

test('everything in the JSON Schema has a description for the editor to show', async () => {
  const schema = JSON.parse(await readFile('model/policy.schema.json', 'utf8'));
  const objects = [schema, schema.definitions.role, schema.properties.domains];
  const properties = objects.flatMap(({ properties: all }) => Object.entries(all));
  expect(properties.length).toBeGreaterThan(11);
  for (const [name, property] of properties) expect(property, name).toHaveProperty('description');
});
