import { expect, test } from 'vitest';
import { listExplanationRemarks, renderExplanation } from '../../src/render/explanation.ts';
import { renderCompact } from '../../src/render/remark-formats.ts';

const EXPLANATION = {
  request: ['alice', 'in,voices', 're\u001bad'],
  tokens: ['sub', 'obj', 'act'],
  decision: 'allow',
  answer: 'allowed by the rule "p, clerk, invoices, read"',
  rule: ['p', 'clerk', 'invoices', 'read'],
  rolePath: ['alice', 'clerk'],
  ids: [1, 17],
  added: [['g', 'alice', 'clerk']],
  granted: [
    {
      rule: ['g', 'alice', 'clerk'],
      at: new Date('2026-11-27T15:37:01Z'),
      ...{ actor: 'ja\u001bne', reason: 'ticket 7', role: 'app', application: 'shop' },
    },
    {
      rule: ['p', 'clerk', 'invoices', 'read'],
      at: new Date('2026-11-26T15:37:01Z'),
      ...{ actor: null, reason: null, role: 'app', application: 'psql' },
    },
  ],
  roles: [],
  closest: [],
  unknown: [],
} as const;

test('rows and added rules are shown together with the rule and the roles', () => {
  expect(renderExplanation(EXPLANATION)).toBe(
    [
      '"alice, "in,voices", "re\\u001bad"" is allowed',
      '',
      '  request  sub = alice, obj = "in,voices", act = "re\\u001bad"',
      '  answer   allowed by the rule "p, clerk, invoices, read"',
      '  roles    alice → clerk',
      '  rows     1, 17',
      '  added    g, alice, clerk — not in the definition',
      '  granted  g, alice, clerk — by ja\\u001bne, 2026-11-27 15:37 UTC: ticket 7',
      '           p, clerk, invoices, read — by role app (psql), 2026-11-26 15:37 UTC',
    ].join('\n'),
  );
});

test('values that are no strings, and roles of several domains, are shown as they are given', () => {
  const roles = [
    {
      ptype: 'g',
      name: 'a,b',
      domain: 'x,y',
      paths: [
        ['a,b', 'c,d'],
        ['a,b', 'e'],
      ],
      more: true,
    },
    { ptype: 'g2', name: 'f,g', domain: 'x,y', paths: [], more: false },
  ];
  const told = renderExplanation(
    { ...EXPLANATION, rolePath: [], ids: [1], granted: [], added: [], roles, unknown: ['"obj" is unknown'] },
    { shown: ['{"age":7}', 'invoices', 'read'] },
  );
  expect(told.split('\n').filter((line) => !line.startsWith('  answer'))).toEqual([
    '"{"age":7}, invoices, read" is allowed',
    '',
    '  request  sub = {"age":7}, obj = invoices, act = read',
    '  roles    "a,b" → "c,d" in "x,y"',
    '           "a,b" → e in "x,y"',
    '           …',
    '           no "g2" rule gives "f,g" a role in "x,y"',
    '  rows     1',
    '  unknown  "obj" is unknown',
  ]);
});

test('a permission of its own has no path of roles', () => {
  expect(renderExplanation({ ...EXPLANATION, rolePath: ['alice'] })).not.toMatch(/^ {2}roles/m);
});

test('a domain is named where roles are missing, unless it is empty', () => {
  const told = (domain: string | null) => {
    const roles = [{ ptype: 'g', name: 'bob', domain, paths: [], more: false }];
    return renderExplanation({ ...EXPLANATION, rolePath: [], roles });
  };
  expect(told('acme')).toContain('no "g" rule gives bob a role in acme\n');
  const paths = [['bob', 'clerk', 'viewer']];
  const held = { ptype: 'g', name: 'bob', domain: 'acme', paths, more: false };
  expect(renderExplanation({ ...EXPLANATION, rolePath: [], roles: [held] })).toContain(
    '  roles    bob → clerk → viewer in acme\n',
  );
  for (const domain of ['', null]) expect(told(domain)).toContain('no "g" rule gives bob a role\n');
});

test('the decision is in green or red where colours are wanted', () => {
  expect(renderExplanation(EXPLANATION, { color: true })).toContain('is \u001b[32mallowed');
  expect(renderExplanation({ ...EXPLANATION, decision: 'deny' }, { color: true })).toContain(
    'is \u001b[31mdenied',
  );
});

test('an explanation in one line has the rule and the roles, or what comes closest', () => {
  expect(renderCompact(listExplanationRemarks(EXPLANATION))).toBe(
    'alice, "in,voices", "re\\u001bad": allowed by the rule "p, clerk, invoices, read", through alice → clerk',
  );
  expect(renderCompact(listExplanationRemarks({ ...EXPLANATION, rolePath: ['alice'] }))).toMatch(
    /: allowed by the rule "p, clerk, invoices, read"$/,
  );
  const denied = {
    ...EXPLANATION,
    answer: 'denied: no rule allows it',
    rolePath: [],
    closest: [
      { rule: ['p', 'clerk', 'invoices', 'read'], differences: ['act is read'] },
      { rule: ['p', 'clerk', 'ledger', 'read'], differences: ['obj is ledger', 'act is read'] },
    ],
  };
  expect(renderCompact(listExplanationRemarks(denied))).toMatch(
    /: denied: no rule allows it, closest p, clerk, invoices, read — act is read$/,
  );
  expect(renderExplanation(denied)).toContain(
    '\n           p, clerk, ledger, read — obj is ledger; act is read',
  );
  const [told] = listExplanationRemarks({ ...EXPLANATION, rolePath: ['a,b', 'clerk'] });
  expect(told).toMatchObject({ level: 'note', code: 'DECISION' });
  expect(told?.message).toContain('through "a,b" → clerk');
});

test('shows characters that a terminal obeys instead of sending them', () => {
  const told = renderExplanation({
    ...EXPLANATION,
    request: ['al\u202eice', 'invoices', 'read'],
    rolePath: ['al\u202eice', 'cl\u009b31merk'],
    added: [['g', 'al\u202eice', 'cl\u009b31merk']],
  });
  expect(told).toContain('al\\u202eice → "cl\\u009b31merk"');
  expect(told).not.toMatch(/[\u009b\u202e]/);
});
