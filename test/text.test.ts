import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { asError, explainUnreadable, reasonOf, shorten } from '../src/text.ts';

test('a long text is cut, but not inside a character', () => {
  expect(shorten('a'.repeat(300))).toBe('a'.repeat(300));
  expect(shorten('a'.repeat(301))).toBe(`${'a'.repeat(300)}…`);
  expect(shorten('abc', 2)).toBe('ab…');
  expect(shorten('a😀b', 2).isWellFormed()).toBe(true);
});

test('errors without a message of their own tell those that they hold, each once', () => {
  const errors = [new Error('refused.'), new Error('refused'), new AggregateError([new Error('late')])];
  expect(reasonOf(new AggregateError(errors))).toBe('refused; late');
  expect(reasonOf(new AggregateError(errors, 'all failed.'))).toBe('all failed');
});

test('an error with an empty message tells its name', () => {
  for (const message of ['', ' \n']) expect(reasonOf(new TypeError(message))).toBe('TypeError');
});

test('an event of a WebSocket that failed is told by its message', () => {
  expect(reasonOf({ type: 'error', message: 'connect refused.' })).toBe('connect refused');
  expect(reasonOf({ type: 'error', message: ' ' })).toBe("{ type: 'error', message: ' ' }");
});

test('what is thrown in the place of an error becomes one, with its reason', () => {
  const event = { type: 'error', message: 'connect refused' };
  expect(asError(event)).toMatchObject({ message: 'connect refused', cause: event });
  expect(asError('failed')).toMatchObject({ message: 'failed', cause: 'failed' });
});

test('an error of another context, as Jest has them, is told as any other', () => {
  const missing = runInNewContext(`Object.assign(new TypeError('not found.'), { code: 'ENOENT' })`);
  expect(missing).not.toBeInstanceOf(Error);
  expect(reasonOf(missing)).toBe('not found');
  expect(reasonOf(runInNewContext(`new AggregateError([new Error('one'), new Error('two')])`))).toBe(
    'one; two',
  );
  expect(asError(missing)).toBe(missing);
  expect(explainUnreadable('file', '/policy.yaml', missing)).toBe('there is no such file (/policy.yaml)');
});
