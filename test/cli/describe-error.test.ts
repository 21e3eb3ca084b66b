import { expect, test } from 'vitest';
import { describeError } from '../../src/cli/program.ts';
import { BootstrapError, InvalidOptionsError } from '../../src/errors.ts';

test('an error of the library is printed with its own message', () => {
  expect(describeError(new BootstrapError('CONNECTION_FAILED', 'No server there.'))).toBe(
    'casbin-bootstrap: No server there.',
  );
});

test('characters that a terminal obeys are shown instead', () => {
  const error = new BootstrapError('RULES_DO_NOT_FIT_MODEL', 'A rule:\n  "p, \u009b31m, \u202ecod.exe"');
  expect(describeError(error)).toBe('casbin-bootstrap: A rule:\n  "p, \\u009b31m, \\u202ecod.exe"');
  expect(describeError(error, true)).not.toMatch(/[\u009b\u202e]/);
});

test('problems with the input come one a line', () => {
  const problems = [
    { code: 'OPTION_INVALID', at: 'schema', message: 'It is empty.' },
    { code: 'OPTION_INVALID', at: 'LOG_LEVEL', message: 'It is unknown.' },
  ] as const;
  expect(describeError(new InvalidOptionsError(problems)).split('\n')).toEqual([
    'casbin-bootstrap: 2 problems were found in the input:',
    '  - schema: It is empty.',
    '  - LOG_LEVEL: It is unknown.',
  ]);
});

test.each([
  { thrown: new TypeError('x is not a function'), message: 'x is not a function' },
  { thrown: new RangeError(), message: 'RangeError' },
  { thrown: 'a text', message: 'a text' },
  { thrown: new Error('\u001b[2J'), message: '\\u001b[2J' },
  {
    thrown: new AggregateError([new Error('refused on ::1'), new Error('refused on 127.0.0.1')]),
    message: 'refused on ::1; refused on 127.0.0.1',
  },
])('an unexpected error is printed without a stack, with a hint: $message', ({ thrown, message }) => {
  expect(describeError(thrown)).toBe(`casbin-bootstrap: ${message}. Add --verbose for the details.`);
});

test('the stack, and that of the cause, is printed on request', () => {
  const error = new BootstrapError('CONNECTION_FAILED', 'No server there.', { cause: new Error('refused') });
  const told = describeError(error, true);
  expect(told).toMatch(/^casbin-bootstrap: No server there\.\n\nBootstrapError: No server there\.\n {4}at /);
  expect(told).toContain('[cause]: Error: refused');
});
