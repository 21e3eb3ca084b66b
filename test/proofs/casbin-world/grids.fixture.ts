import type { ConfigureEnforcer } from '../../../src/index.ts';

/** An example under `examples/`, and the values that every request is made of which it is asked. */
export interface Example {
  readonly name: string;
  readonly grid: readonly (readonly string[])[];
  readonly configureEnforcer?: ConfigureEnforcer;
  /** Rules that never decide: others come before them, or they only order those. */
  readonly idle?: readonly string[];
}

const PEOPLE = ['ann', 'ben', 'dan', 'root', 'clerk', 'chief', 'nobody'];
const THINGS = ['invoices', 'reports', 'memo', 'ledger', 'papers', 'nothing'];
const DEEDS = ['read', 'write', 'delete'];
const PATHS = ['/invoices/7', '/invoices/8', '/invoices/x', '/reports/', '/', 'invoices'];
const DOMAINS = ['north', 'south', 'west'];
const ADDRESSES = ['10.1.2.3', '10.2.2.3', '192.168.7.9', '::1'];
const SUBJECTS = [
  '{"Age":17}',
  '{"Age":40,"Team":"write"}',
  '{"Age":31,"Team":"x"}',
  '{"Age":1,"Name":"ann"}',
];

const ordinary = [PEOPLE, THINGS, DEEDS];

/** The models that Casbin's documentation shows, each with a policy of its own. */
export const EXAMPLES: readonly Example[] = [
  { name: 'acl', grid: ordinary },
  { name: 'acl-with-superuser', grid: ordinary },
  { name: 'rbac', grid: ordinary },
  { name: 'rbac-with-domains', grid: [PEOPLE, DOMAINS, THINGS, DEEDS] },
  { name: 'rbac-with-resource-roles', grid: ordinary },
  { name: 'deny-override', grid: ordinary },
  { name: 'allow-unless-denied', grid: ordinary },
  { name: 'priority-by-order', grid: ordinary, idle: ['p, ann, invoices, read, deny'] },
  { name: 'priority', grid: ordinary, idle: ['g, ann, clerk'] },
  { name: 'subject-priority', grid: ordinary, idle: ['g, clerk, everybody'] },
  { name: 'keymatch', grid: [PEOPLE, PATHS, ['GET', 'POST', 'DELETE', 'PUT']] },
  { name: 'regexmatch', grid: [PEOPLE, PATHS, DEEDS] },
  { name: 'ipmatch', grid: [ADDRESSES, THINGS, DEEDS] },
  {
    name: 'abac-rule',
    grid: [SUBJECTS, ['/invoices', '/reports', '/'], DEEDS],
    configureEnforcer: (enforcer) => enforcer.enableAcceptJsonRequest(true),
  },
  {
    name: 'custom-function',
    grid: [PEOPLE, PATHS, DEEDS],
    configureEnforcer: (enforcer) =>
      enforcer.addFunction('isBelow', (path: string, folder: string) => path.startsWith(folder)),
  },
];

/** Every request over the values of a grid. */
export function requestsOf({ grid }: Example): string[][] {
  return grid.reduce<string[][]>(
    (requests, values) => requests.flatMap((request) => values.map((value) => [...request, value])),
    [[]],
  );
}
