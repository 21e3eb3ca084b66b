import { readFileSync } from 'node:fs';
import { defaultModelPath, defaultPolicy, type PolicyDefinition } from '../../../src/index.ts';
import { modelText } from '../../casbin/models.fixture.ts';

/** A model and a policy that do what they promise. */
export interface Subject {
  readonly name: string;
  readonly modelText: string;
  readonly policy: PolicyDefinition;
}

function lines(text: string): string[][] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(',').map((value) => value.trim()));
}

export const byDefault: Subject = {
  name: 'the default policy',
  modelText: readFileSync(defaultModelPath, 'utf8'),
  policy: {
    ...defaultPolicy,
    never: [
      ['readonly', 'users', 'write'],
      ['user', 'admin', 'write'],
    ],
  },
};

export const withDomains: Subject = {
  name: 'domains',
  modelText: modelText({
    r: 'sub, dom, obj, act',
    p: 'sub, dom, obj, act',
    g: ['g = _, _, _'],
    m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
  }),
  policy: {
    rules: lines(`
      p, reader, acme, orders, read
      p, editor, acme, orders, write
      p, reader, globex, orders, read
      p, auditor, globex, ledger, read
      g, editor, reader, acme
      g, owner, editor, acme
      g, auditor, reader, globex
    `),
    never: [['reader', 'acme', 'orders', 'write']],
  },
};

export const withResourceRoles: Subject = {
  name: 'resource roles',
  modelText: modelText({
    g: ['g = _, _', 'g2 = _, _'],
    m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
  }),
  policy: {
    rules: lines(`
      p, staff, documents, read
      p, lead, documents, write
      p, lead, secrets, read
      g, lead, staff
      g2, handbook, documents
      g2, minutes, handbook
      g2, payroll, secrets
    `),
    never: [['staff', 'payroll', 'read']],
  },
};

export const withDenyOverride: Subject = {
  name: 'deny-override',
  modelText: modelText({
    p: 'sub, obj, act, eft',
    e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
  }),
  policy: {
    rules: lines(`
      p, staff, files, read, allow
      p, staff, files, write, allow
      p, staff, ledger, read, allow
      p, contractor, files, write, deny
      p, intern, ledger, read, deny
      g, contractor, staff
      g, intern, contractor
    `),
    never: [['contractor', 'files', 'write']],
  },
};

export const withPriorities: Subject = {
  name: 'priorities',
  modelText: modelText({
    p: 'priority, sub, obj, act, eft',
    e: 'priority(p.eft) || deny',
  }),
  policy: {
    rules: lines(`
      p, 10, banned, files, read, deny
      p, 20, staff, files, read, allow
      p, 20, lead, files, write, allow
      p, 30, staff, files, write, deny
      g, lead, staff
      g, trainee, banned
      g, trainee, staff
    `),
    never: [['trainee', 'files', 'read']],
  },
};
