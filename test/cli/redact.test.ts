import { describe, expect, test } from 'vitest';
import { createRedact, findUrls, redactUrls, stringifyRedacted } from '../../src/cli/redact.ts';

describe('redaction', () => {
  test('hides the password as written, decoded, and as other encoders write it', () => {
    const redact = createRedact('postgres://app:p%40ss%21word@db.example/app');

    expect(redact('wrong: p@ss!word')).toBe('wrong: ***');
    expect(redact('wrong: p%40ss%21word')).toBe('wrong: ***');
    expect(redact('postgres://app:p%40ss!word@db.example/app')).toBe('postgres://app:***@db.example/app');
  });

  test('hides the longest spelling first, so that no part of it stays', () => {
    expect(createRedact('postgres://app:x%@h/d')('wrong: x%25')).toBe('wrong: ***');
  });

  test('hides every occurrence', () => {
    expect(createRedact('postgres://app:s3cret@h/d')('s3cret, s3cret')).toBe('***, ***');
  });

  test('changes nothing where there is no password', () => {
    const text = 'undefined is not a function: postgres://app:@h/d';
    expect(createRedact('postgres://app@h/d')(text)).toBe(text);
  });

  test('hides a password with an @ of its own', () => {
    expect(createRedact('postgres://app:a@b@h/d')('a@b')).toBe('***');
    expect(createRedact('postgres://app:p/a@100%@h/d')('p/a@100%')).toBe('***');
  });

  test.each(['postgres://h/d?user=app&password=s3cret%21&x=1', 'postgres:///d?password=s3cret%21#fragment'])(
    'hides a password that is a parameter of the URL: %s',
    (url) => {
      expect(createRedact(url)('s3cret! s3cret%21')).toBe('*** ***');
    },
  );

  test('hides the password of a URL that has an @ after its server too', () => {
    expect(createRedact('postgres://app:s3cret@h/d?user=app@tenant')('wrong: s3cret')).toBe('wrong: ***');
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

  test.each([
    ['postgres://an%20app:an%20app@h/d', 'as an app'],
    ['postgres://h/a%20shop?password=a%20shop', 'at h/a shop'],
    ['postgres:///d?host=%2Frun%2Fpg&password=%2Frun%2Fpg', 'at /run/pg'],
    ['postgres:///d?user=app&password=app', 'as app'],
    ['postgres://app@h:5432/sh@p', 'at h:5432/sh@p'],
  ])('does not hide the name of %s, which is written in another way there', (url, text) => {
    expect(createRedact(url)(text)).toBe(text);
  });

  test.each(['', 'postgres://h/d', 'postgres://app@h/d', 'postgres://app:@h/d', 'no URL'])(
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

describe('the URLs of arguments and environment', () => {
  const hidden = (text: string, argv: string[], env: Record<string, string>) =>
    findUrls(argv, env).reduce((left, url) => createRedact(url)(left), text);

  test('are those of arguments, also of misspelt ones and with a line break, and of DATABASE_URL', () => {
    const argv = ['seed', '--databse-url=POSTGRES://app:first@h/d', 'postgres://app:sec\nond@h/d'];
    const env = { DATABASE_URL: 'postgres://app:third@h/d' };
    expect(hidden('first, sec\nond, third', argv, env)).toBe('***, ***, ***');
    expect(hidden('first, third, fourth', argv, { ...env, PGPASSWORD: 'fourth' })).toBe('***, ***, ***');
    expect(findUrls(['seed', '--dry-run'], {})).toEqual([]);
  });

  test('hold the password of PGPASSWORD, whatever characters it has', () => {
    const env = { PGUSER: 'app', PGHOST: 'db.example', PGDATABASE: 'shop', PGPASSWORD: 'a&b=#%?@/' };
    expect(hidden('password a&b=#%?@/ of app', [], env)).toBe('password *** of app');
  });

  test.each(['PGUSER', 'PGHOST', 'PGDATABASE'])('tell that PGPASSWORD equals %s', (name) => {
    const env = { [name]: 'a&b', PGPASSWORD: 'a&b' };
    expect(hidden('the name a&b', [], env)).toBe('the name a&b');
  });
});

describe('redaction of URLs that the command does not know', () => {
  test.each([
    ['postgres://app:s3cret@h/d', 'postgres://app:***@h/d'],
    ['postgresql://app:s3cret@h/d', 'postgresql://app:***@h/d'],
    ['POSTGRES://app:s3cret@h/d', 'POSTGRES://app:***@h/d'],
    ['postgres://app:s3:c/r@et@h/d', 'postgres://app:***@h/d'],
    ['postgres:///d?user=app&password=s3%40cret&x=1', 'postgres:///d?user=app&password=***&x=1'],
    ['use postgres://h/d?password=s3cret please', 'use postgres://h/d?password=*** please'],
    ['postgres://h/d?password=a&b=1&password=c', 'postgres://h/d?password=***&b=1&password=***'],
    [
      '{"a":"postgres://h/d?password=a","b":"postgres://h/e?password=b"}',
      '{"a":"postgres://h/d?password=***","b":"postgres://h/e?password=***"}',
    ],
    ['first postgres://:a@h, then postgres://app:b@h', 'first postgres://:***@h, then postgres://app:***@h'],
  ])('hides the password in %s', (text, redacted) => {
    expect(redactUrls(text)).toBe(redacted);
  });

  test.each([
    'Write postgres://user:password@host:port/database',
    'postgres://app@h/d',
    'https://app:x@h?password=x',
  ])('leaves %s as it is', (text) => {
    expect(redactUrls(text)).toBe(text);
  });
});
