import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { expect, test } from 'vitest';
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
