import { Logger } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AccessCheck, refuse } from '../../src/http/access-check.ts';
import type { Permission } from '../../src/http/access-options.ts';
import { Public, Requires, RequiresGuard, type UnmarkedRoutes } from '../../src/nestjs/index.ts';

/** A controller whose methods are marked as by decorators, which this compiler does not know. */
class Handlers {
  required() {}
  open() {}
  unmarked() {}
}

function mark(decorate: MethodDecorator, name: keyof Handlers): void {
  decorate(Handlers.prototype, name, Object.getOwnPropertyDescriptor(Handlers.prototype, name) ?? {});
}

mark(Requires('accounts', 'read'), 'required');
mark(Public(), 'open');

/** Of a guard that lets in everybody who may be asked for. */
function decide(unmarked: UnmarkedRoutes, type: string, name: keyof Handlers): Promise<boolean> {
  const context = new ExecutionContextHost([{}, {}], Handlers, Handlers.prototype[name]);
  context.setType(type);
  const host = { httpAdapter: { setHeader() {} } };
  return new RequiresGuard(host as never, async () => null, unmarked).canActivate(context);
}

test.each([
  ['allow', 'http', 'required', true],
  ['allow', 'http', 'unmarked', true],
  ['deny', 'http', 'required', true],
  ['deny', 'http', 'open', true],
  ['allow', 'rpc', 'unmarked', true],
  ['deny', 'rpc', 'open', true],
] as const)(
  'where unmarked routes are %s, a handler of %s that is %s is left alone or let in',
  async (unmarked, type, name, answer) => {
    expect(await decide(unmarked, type, name)).toBe(answer);
  },
);

test('a route that says nothing is refused where that is asked for', async () => {
  await expect(decide('deny', 'http', 'unmarked')).rejects.toMatchObject({ status: 403 });
});

test.each(['rpc', 'ws', 'graphql'])(
  'a handler of %s that requires something is never let in, and one that says nothing only where that is allowed',
  async (type) => {
    const message = expect.stringContaining(`Handlers.required is a handler of ${type}`);
    for (const unmarked of ['allow', 'deny'] as const)
      await expect(decide(unmarked, type, 'required')).rejects.toMatchObject({ message });
    expect(await decide('allow', type, 'unmarked')).toBe(true);
    await expect(decide('deny', type, 'unmarked')).rejects.toThrow(
      `Handlers.unmarked is a handler of ${type}`,
    );
  },
);

/** The permissions that the guard asks for. */
async function askedFor(
  controller: new () => object,
  handler: () => void,
  unmarked: UnmarkedRoutes = 'allow',
): Promise<Permission[]> {
  const asked: Permission[] = [];
  const check = async (_: unknown, permission: Permission) => {
    asked.push(permission);
    return null;
  };
  const guard = new RequiresGuard({ httpAdapter: { setHeader() {} } } as never, check, unmarked);
  await guard.canActivate(new ExecutionContextHost([{}, {}], controller, handler));
  return asked;
}

test('the permission of a controller is asked for first, at each of its routes', async () => {
  class Reports {
    list() {}
    add() {}
  }
  Requires('reports', 'read')(Reports);
  Requires('reports', 'write')(
    Reports.prototype,
    'add',
    Object.getOwnPropertyDescriptor(Reports.prototype, 'add') ?? {},
  );
  expect(await askedFor(Reports, Reports.prototype.list)).toEqual([['reports', 'read']]);
  expect(await askedFor(Reports, Reports.prototype.add)).toEqual([
    ['reports', 'read'],
    ['reports', 'write'],
  ]);
});

test('each route of a controller has the permissions of its own', async () => {
  class Accounts {
    read() {}
    write() {}
  }
  for (const name of ['read', 'write'] as const) {
    const descriptor = Object.getOwnPropertyDescriptor(Accounts.prototype, name) ?? {};
    Requires('accounts', name)(Accounts.prototype, name, descriptor);
  }
  expect(await askedFor(Accounts, Accounts.prototype.read)).toEqual([['accounts', 'read']]);
  expect(await askedFor(Accounts, Accounts.prototype.write)).toEqual([['accounts', 'write']]);
});

test('a method that was marked as a function, without its class, is asked for too', async () => {
  class Accounts {
    close() {}
    read() {}
  }
  Requires('accounts', 'close')(Accounts.prototype.close);
  expect(await askedFor(Accounts, Accounts.prototype.close)).toEqual([['accounts', 'close']]);
  const descriptor = Object.getOwnPropertyDescriptor(Accounts.prototype, 'read') ?? {};
  Requires('accounts', 'read')(Accounts.prototype, 'read', descriptor);
  expect(await askedFor(Accounts, Accounts.prototype.close)).toEqual([['accounts', 'close']]);
});

describe('a refusal', () => {
  const refuseBy = async (check: AccessCheck<unknown>, name: keyof Handlers) => {
    const headers: Record<string, string> = {};
    const setHeader = (_: unknown, header: string, value: string) =>
      Object.assign(headers, { [header]: value });
    const guard = new RequiresGuard({ httpAdapter: { setHeader } } as never, check, 'deny');
    const context = new ExecutionContextHost([{}, {}], Handlers, Handlers.prototype[name]);
    const error = await guard.canActivate(context).catch((thrown: unknown) => thrown);
    return { error, headers };
  };
  const spyOnLogger = () => {
    onTestFinished(() => void vi.restoreAllMocks());
    return vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
  };

  test('has the headers of its response', async () => {
    const { error, headers } = await refuseBy(async () => refuse(401, 'Bearer'), 'required');
    expect(error).toMatchObject({ status: 401 });
    expect(headers).toMatchObject({
      'content-type': 'application/problem+json',
      'www-authenticate': 'Bearer',
    });
  });

  test('of a route that says nothing is logged with the name of the route', async () => {
    const logged = spyOnLogger();
    await refuseBy(async () => null, 'unmarked');
    expect(logged.mock.calls[0]?.[0]).toContain('Handlers.unmarked has neither @Requires nor @Public()');
  });

  test('is logged with the stack of its error', async () => {
    const logged = spyOnLogger();
    const err = new Error('no answer');
    await refuseBy(async (_request, _permission, log) => {
      log.error({ err }, 'undecided');
      return refuse(503);
    }, 'required');
    expect(logged).toHaveBeenCalledWith('undecided', err.stack);
  });
});

test('all routes of a controller may be public', async () => {
  class Health {
    check() {}
  }
  Public()(Health);
  expect(await askedFor(Health, Health.prototype.check, 'deny')).toEqual([]);
});

describe('a method that another decorator replaces', () => {
  class Accounts {
    remove() {}
    list() {}
  }
  class ExtendedAccounts extends Accounts {
    override remove() {}
  }
  const { remove } = Accounts.prototype;
  const descriptor = Object.getOwnPropertyDescriptor(Accounts.prototype, 'remove') ?? {};
  for (const action of ['write', 'close'])
    Requires('accounts', action)(Accounts.prototype, 'remove', descriptor);
  Accounts.prototype.remove = function replaced(this: Accounts) {
    remove.call(this);
  };

  const both = [
    ['accounts', 'write'],
    ['accounts', 'close'],
  ];

  test('keeps what it requires, and so does one that overrides it', async () => {
    expect(await askedFor(Accounts, Accounts.prototype.remove)).toEqual(both);
    expect(await askedFor(ExtendedAccounts, ExtendedAccounts.prototype.remove)).toEqual(both);
    expect(await askedFor(ExtendedAccounts, Accounts.prototype.remove)).toEqual(both);
    expect(await askedFor(Accounts, Accounts.prototype.list)).toEqual([]);
  });

  test('still requires it after the application has taken its routes', async () => {
    expect(await askedFor(Accounts, remove)).toEqual(both);
  });

  test('at an instance is refused, because nobody knows what it requires', async () => {
    await expect(askedFor(Accounts, remove.bind(new Accounts()))).rejects.toThrow(
      'Accounts has no method bound remove',
    );
    // Where no method requires anything, there is nothing to know.
    expect(await askedFor(class Open {}, remove.bind(new Accounts()))).toEqual([]);
  });
});
