import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { errorCode, isAbsence } from '../../src/database/sqlstates.ts';
import { DatabaseError } from '../../src/errors.ts';

function coded(code: unknown, cause?: unknown): Error {
  return Object.assign(new Error('failed', { cause }), { code });
}

describe('the code of an error', () => {
  test('is its own before that of its cause', () => {
    expect(errorCode(coded('42P01', coded('23505')))).toBe('42P01');
  });

  test('is that of the nearest cause that has one', () => {
    const wrapped = new Error('outer', {
      cause: new Error('inner', { cause: coded('23505', coded('42P01')) }),
    });
    expect(errorCode(wrapped)).toBe('23505');
  });

  test('is not one of this library, which are another vocabulary', () => {
    const ours = new DatabaseError('TABLE_MISSING', 'There is none.', { cause: coded('42P01') });
    expect(errorCode(ours)).toBe('42P01');
    expect(errorCode(new DatabaseError('TABLE_MISSING', 'There is none.'))).toBeUndefined();
  });

  test('is that of an error of another context, as Jest has them', () => {
    const error = runInNewContext(`Object.assign(new Error('failed'), { code: 'ECONNREFUSED' })`);
    expect(error).not.toBeInstanceOf(Error);
    expect(errorCode(new Error('outer', { cause: error }))).toBe('ECONNREFUSED');
  });

  test('is a text', () => {
    expect(errorCode(coded(42, coded('23505')))).toBe('23505');
  });

  test('is undefined if no error in the chain has one', () => {
    for (const error of [undefined, null, 'text', { code: '23505' }, new Error('failed')]) {
      expect(errorCode(error)).toBeUndefined();
    }
  });

  test('is looked for once in errors that are the cause of each other', () => {
    const [one, other] = [new Error('one'), new Error('other')];
    one.cause = other;
    other.cause = one;
    expect(errorCode(one)).toBeUndefined();
  });
});

test.each([
  ['42P01', true],
  ['3F000', true],
  ['42703', false],
  ['3D000', false],
])('%s says that a table or a schema is not there: %s', (code, absent) => {
  expect(isAbsence(coded(code))).toBe(absent);
});
