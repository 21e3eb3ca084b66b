import { describe, expect, test } from 'vitest';
import { createRedact, stringifyRedacted } from '../../src/cli/redact.ts';

describe('redaction', () => {
  test('hides the password as written, decoded, and as other encoders write it', () => {
    const redact = createRedact('postgres://app:p%40ss%21word@db.example/app');

    expect(redact('wrong: p@ss!word')).toBe('wrong: ***');
    expect(redact('wrong: p%40ss%21word')).toBe('wrong: ***');
    expect(redact('postgres://app:p%40ss!word@db.example/app')).toBe('postgres://app:***@db.example/app');
  });

  test('hides every occurrence', () => {
    expect(createRedact('postgres://app:s3cret@h/d')('s3cret, s3cret')).toBe('***, ***');
  });

  test('hides a password with an @ of its own', () => {
    expect(createRedact('postgres://app:a@b@h/d')('a@b')).toBe('***');
  });

  test('hides a password that is a parameter of the URL', () => {
    expect(createRedact('postgres://h/d?user=app&password=s3cret%21&x=1')('s3cret! s3cret%21')).toBe(
      '*** ***',
    );
  });

  test('hides the password of a text that no URL parser accepts', () => {
    const url = 'postgres://app:p/w#100%@h/d';
    expect(URL.canParse(url)).toBe(false);
    expect(createRedact(url)('Invalid URL: postgres://app:p/w#100%@h/d; p/w#100%')).toBe(
      'Invalid URL: postgres://app:***@h/d; ***',
    );
  });

  test.each(['user', 'database', 'localhost'])(
    'hides a password that equals the public name %s inside of URLs only',
    (password) => {
      const redact = createRedact(`postgres://user:${password}@localhost/database`);

      expect(redact('PostgreSQL at localhost:5432/database, as user')).toBe(
        'PostgreSQL at localhost:5432/database, as user',
      );
      expect(redact(`postgres://user:${password}@localhost/database`)).toBe(
        'postgres://user:***@localhost/database',
      );
    },
  );

  test.each([undefined, '', 'postgres://h/d', 'postgres://app@h/d', 'postgres://app:@h/d', 'no URL'])(
    'changes nothing when there is no password: %s',
    (url) => {
      expect(createRedact(url)('a text, as it is')).toBe('a text, as it is');
    },
  );

  test('keeps JSON valid whatever the password is', () => {
    const redact = createRedact('postgres://app:1@h/d');
    expect(stringifyRedacted({ time: 1211, text: 'a1b', list: ['1'], none: null }, redact)).toBe(
      '{"time":1211,"text":"a***b","list":["***"],"none":null}',
    );
    const quote = createRedact('postgres://app:%22@h/d');
    expect(stringifyRedacted({ text: 'say "hi"' }, quote)).toBe('{"text":"say ***hi***"}');
  });
});
