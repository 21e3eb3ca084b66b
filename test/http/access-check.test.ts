import type { IncomingMessage, ServerResponse } from 'node:http';
import { newEnforcer, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { createRequires } from '../../src/express/index.ts';
import { createAccessCheck, type RefusalLog } from '../../src/http/access-check.ts';
import type { DecidingEnforcer, Found, RequestParts } from '../../src/http/access-options.ts';
import { definePolicy } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';

const model = (request: string, policy: string, role: string, matcher: string) =>
  newModelFromString(modelText({ r: request, p: policy, g: [`g = ${role}`], m: matcher }));

const plain = () =>
  model('sub, obj, act', 'sub, obj, act', '_, _', 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act');
const withDomain = (request = 'sub, dom, obj, act') =>
  model(
    request,
    'sub, dom, obj, act',
    '_, _, _',
    'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
  );

interface Asked {
  readonly user?: unknown;
  readonly tenant?: unknown;
}

const PARTS: RequestParts<Asked> = {
  subject: ({ user }) => user as Found,
  challenge: 'Bearer',
};
const WITH_DOMAIN: RequestParts<Asked> = { ...PARTS, domain: async ({ tenant }) => tenant as Found };

/** What a check answers, and what it tells the log: the level, and the fields. */
async function ask(enforcer: DecidingEnforcer, parts: RequestParts<Asked>, request: Asked) {
  const told: [string, object, string][] = [];
  const log: RefusalLog = {
    info: (fields, message) => told.push(['info', fields, message]),
    error: (fields, message) => told.push(['error', fields, message]),
  };
  const refusal = await createAccessCheck(enforcer, parts)(request, ['accounts', 'read'], log);
  return { refusal, told };
}

async function readers(): Promise<DecidingEnforcer> {
  const enforcer = await newEnforcer(plain());
  await enforcer.addPolicies([
    ['reader', 'accounts', 'read'],
    ['7', 'accounts', 'read'],
  ]);
  await enforcer.addRoleForUser('alice', 'reader');
  return enforcer;
}

const refusalOf = (status: number, title: string, headers: object = {}) => ({
  document: { type: 'about:blank', title, status },
  headers: { 'content-type': 'application/problem+json', ...headers },
});
const FORBIDDEN = refusalOf(403, 'Forbidden');
const UNAVAILABLE = refusalOf(503, 'Service Unavailable');

describe('a request', () => {
  test('is let in when the enforcer allows it', async () => {
    expect(await ask(await readers(), PARTS, { user: 'alice' })).toEqual({ refusal: null, told: [] });
  });

  test('is refused otherwise, and only the log has subject and permission', async () => {
    expect(await ask(await readers(), PARTS, { user: 'eve' })).toEqual({
      refusal: FORBIDDEN,
      told: [
        [
          'info',
          { event: 'request_denied', subject: 'eve', resource: 'accounts', action: 'read' },
          '"eve" may not "read" "accounts"',
        ],
      ],
    });
  });

  test.for([undefined, null, ''])(
    'of nobody (%j) is refused with the challenge, and not decided',
    async (user) => {
      const enforcer: DecidingEnforcer = {
        getModel: plain,
        enforce: async () => expect.unreachable(),
      };
      expect(await ask(enforcer, PARTS, { user })).toEqual({
        refusal: refusalOf(401, 'Unauthorized', { 'www-authenticate': 'Bearer' }),
        told: [],
      });
      const { challenge: _, ...withoutChallenge } = PARTS;
      expect((await ask(enforcer, withoutChallenge, { user })).refusal).toEqual(
        refusalOf(401, 'Unauthorized'),
      );
    },
  );

  test.for([7, ['7'], {}, true])('is refused when its subject is %j, which is no string', async (user) => {
    expect(await ask(await readers(), PARTS, { user })).toMatchObject({
      refusal: UNAVAILABLE,
      told: [['error', { event: 'request_undecided', err: expect.any(TypeError) }, expect.anything()]],
    });
  });

  test('is refused when its permission lacks a name, whatever the enforcer says', async () => {
    const enforcer: DecidingEnforcer = { getModel: plain, enforce: async () => true };
    const log: RefusalLog = { info() {}, error() {} };
    const check = createAccessCheck(enforcer, PARTS);
    expect(await check({ user: 'alice' }, [] as never, log)).toEqual(UNAVAILABLE);
  });

  test('is refused when the enforcer throws, with the error in the log', async () => {
    const err = new Error('the role manager is down');
    const enforcer: DecidingEnforcer = { getModel: plain, enforce: () => Promise.reject(err) };
    expect(await ask(enforcer, PARTS, { user: 'alice' })).toEqual({
      refusal: UNAVAILABLE,
      told: [
        [
          'error',
          { event: 'request_undecided', subject: 'alice', resource: 'accounts', action: 'read', err },
          'A request was refused because it could not be decided: the role manager is down',
        ],
      ],
    });
  });

  test.for(['stale', 'closed'] as const)('is refused while the live enforcer is %s', async (status) => {
    const error = new Error('connection lost');
    const enforcer: DecidingEnforcer = {
      getModel: plain,
      enforce: async () => true,
      state: { status, error },
    };
    const { refusal, told } = await ask(enforcer, PARTS, { user: 'alice' });
    expect(refusal).toEqual(UNAVAILABLE);
    expect(told).toMatchObject([
      ['error', { err: { message: `the live enforcer is ${status}`, cause: error } }, expect.anything()],
    ]);
    const current: DecidingEnforcer = { ...enforcer, state: { status: 'current', error } };
    expect((await ask(current, PARTS, { user: 'alice' })).refusal).toBeNull();
  });

  test('fails with what the application’s own functions throw', async () => {
    const gone = new Error('no session store');
    const enforcer = await readers();
    const fail = () => Promise.reject(gone);
    await expect(ask(enforcer, { subject: fail }, {})).rejects.toBe(gone);
    const tenants = await newEnforcer(withDomain());
    await expect(ask(tenants, { ...PARTS, domain: fail }, { user: 'alice' })).rejects.toBe(gone);
  });

  test('is decided in its domain, and refused without one', async () => {
    const enforcer = await newEnforcer(withDomain());
    await enforcer.addPolicy('reader', 'acme', 'accounts', 'read');
    await enforcer.addGroupingPolicy('alice', 'reader', 'acme');
    const asked = (tenant: unknown) => ask(enforcer, WITH_DOMAIN, { user: 'alice', tenant });
    expect((await asked('acme')).refusal).toBeNull();
    expect(await asked('globex')).toMatchObject({
      refusal: FORBIDDEN,
      told: [['info', { domain: 'globex' }, '']].map(([level, fields]) => [level, fields, expect.anything()]),
    });
    for (const tenant of [undefined, null, '']) expect((await asked(tenant)).refusal).toEqual(FORBIDDEN);
    expect((await asked(['acme'])).refusal).toEqual(UNAVAILABLE);
  });
});

test('a domain may have any name where roles have none', async () => {
  const values = 'sub, tenant, obj, act';
  const matcher = 'g(r.sub, p.sub) && r.tenant == p.tenant && r.obj == p.obj && r.act == p.act';
  const enforcer = await newEnforcer(model(values, values, '_, _', matcher));
  await enforcer.addPolicy('alice', 'acme', 'accounts', 'read');
  expect((await ask(enforcer, WITH_DOMAIN, { user: 'alice', tenant: 'acme' })).refusal).toBeNull();
});

test.for([undefined, null, false, 0, '', 'route', 'router'])(
  'Express lets nobody in when a function of the application throws %j, which it takes for no error',
  async (thrown) => {
    const fail = () => Promise.reject(thrown);
    const requires = createRequires({ enforcer: await readers(), subject: fail });
    const told: unknown[] = [];
    await requires('accounts', 'read')({} as IncomingMessage, {} as ServerResponse, (error) =>
      told.push(error),
    );
    expect(told).toEqual([expect.objectContaining({ cause: thrown })]);
    expect(told).toEqual([expect.any(Error)]);
  },
);

test('Express gets the object that a function of the application throws', async () => {
  const thrown = { status: 418 };
  const requires = createRequires({
    enforcer: await readers(),
    subject: () => {
      throw thrown;
    },
  });
  const told: unknown[] = [];
  await requires('accounts', 'read')({} as IncomingMessage, {} as ServerResponse, (error) =>
    told.push(error),
  );
  expect(told[0]).toBe(thrown);
});

describe('an enforcer is refused', () => {
  const enforcerOf = (of: ReturnType<typeof plain>): DecidingEnforcer => ({
    getModel: () => of,
    enforce: async () => true,
  });

  test.for([
    ['whose requests have a domain, where none is found', withDomain(), PARTS],
    ['whose requests have no domain, where one is found', plain(), WITH_DOMAIN],
    ['whose requests have the domain elsewhere', withDomain('sub, obj, act, dom'), WITH_DOMAIN],
    [
      'whose requests have the domain elsewhere, and roles have none',
      model(
        'sub, obj, act, dom',
        'sub, dom, obj',
        '_, _',
        'g(r.sub, p.sub) && r.dom == p.dom && r.obj == p.obj',
      ),
      WITH_DOMAIN,
    ],
    [
      'whose requests begin with something else',
      model('obj, sub, act', 'sub, obj, act', '_, _', 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act'),
      PARTS,
    ],
    [
      'whose requests have another value',
      model('sub, obj, act, env', 'sub, obj', '_, _', 'r.sub == p.sub'),
      PARTS,
    ],
  ] as const)('%s', ([, of, parts]) => {
    const create = () => createAccessCheck(enforcerOf(of), parts);
    expect(create).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS' }));
    expect(create).toThrow(/domain: a request is decided by its subject, .*but the model says r = /);
  });
});

describe('a permission', () => {
  const policy = definePolicy({
    roles: { reader: { permissions: { accounts: ['read'], invoices: ['list', 'read'] } } },
  });
  const tenants = definePolicy({
    domains: { roles: { clerk: { permissions: { invoices: ['read'] } } }, tenants: ['acme'] },
  });

  /** As a program without types would. */
  const requirer = async (given: object): Promise<(...permission: unknown[]) => unknown> =>
    createRequires({ enforcer: await readers(), subject: () => 'alice', ...given }) as never;

  test('of which the policy has no name is refused when the route is made, with the names that there are', async () => {
    const requires = await requirer({ policy });
    requires('accounts', 'list');
    expect(() => requires('acounts', 'raed')).toThrow(
      expect.objectContaining({
        problems: [
          {
            code: 'REQUEST_NAME_UNKNOWN',
            at: 'requires("acounts", "raed")',
            message: 'the policy has no resource "acounts". It has accounts, invoices.',
          },
          {
            code: 'REQUEST_NAME_UNKNOWN',
            at: 'requires("acounts", "raed")',
            message: 'the policy has no action "raed". It has read, list.',
          },
        ],
      }),
    );
    expect(() => requires('accounts')).toThrow('the action must be a string that is not empty');
    expect(() => requires('', 'read')).toThrow('the resource must be a string that is not empty');
  });

  test('has a resource and an action, and nothing else, whatever the policy is', async () => {
    const requires = await requirer({});
    expect(() => requires('acme', 'accounts', 'read')).toThrow(
      'requires("acme", "accounts", "read"): a permission is a resource and an action, and nothing else.',
    );
  });

  test('is told apart from a request, where a route was given requires itself', async () => {
    const requires = await requirer({});
    expect(() => requires({}, {}, () => {})).toThrow(
      'requires(an object, an object, a function): give the route what it returns for a resource and an action',
    );
  });

  test('may have any name where the policy has raw rules, is a file, or is not given', async () => {
    for (const other of [{ ...policy, rules: [] }, 'policy.yaml', null, undefined]) {
      (await requirer({ policy: other }))('ledgers', 'burn');
    }
  });

  test('has the names of the roles of each domain', async () => {
    const enforcer = await newEnforcer(withDomain());
    const requires = await requirer({ enforcer, policy: tenants, domain: () => 'acme' });
    requires('invoices', 'read');
    expect(() => requires('accounts', 'read')).toThrow('the policy has no resource "accounts"');
  });
});

test('an enforcer that was not awaited, and a missing subject, have messages of their own', () => {
  const given: object = { enforcer: readers() };
  expect(() => createRequires(given as never)).toThrow(
    expect.objectContaining({
      problems: [
        {
          code: 'OPTION_INVALID',
          at: 'subject',
          message:
            'it is missing. Give a function that tells who makes a request: (request) => request.user?.name.',
        },
        {
          code: 'OPTION_INVALID',
          at: 'enforcer',
          message: 'must be what createLiveEnforcer gives (it is a promise: put await before it).',
        },
      ],
    }),
  );
});

test('options that can’t be used are refused together', () => {
  const logger = { debug() {}, info() {} };
  const given: object = { enforcer: {}, subject: 'x-user', domain: 1, challenge: 'a\r\nb', logger, other: 1 };
  const places = ['subject', 'domain', 'challenge', 'enforcer', 'logger.warn', 'other'];
  expect(() => createRequires(given as never)).toThrow(
    expect.objectContaining({ problems: places.map((at) => expect.objectContaining({ at })) }),
  );
});

test.each([{ enforce: async () => true }, { getModel: plain }])(
  'what is not an enforcer is refused: %o',
  (enforcer) => {
    expect(() => createRequires({ enforcer: enforcer as never, subject: () => 'alice' })).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ at: 'enforcer' })] }),
    );
  },
);

test.each(['Bearer realm="ä"', 'Bearer\u0000', 'Bearer\n'])(
  'a challenge that no header can hold is refused: %j',
  async (challenge) => {
    const given = { subject: () => 'alice', enforcer: await readers(), challenge };
    expect(() => createRequires(given)).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ at: 'challenge' })] }),
    );
  },
);
