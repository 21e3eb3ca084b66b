/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

const HIDDEN = '***';

/**
 * Returns a function that hides the password of a connection URL, as it is written there and decoded.
 *
 * A password that equals the name of the user, the host or the database is hidden only inside URLs: those names are
 * printed on purpose, and hiding them would reveal the password.
 */
export function createRedact(databaseUrl: string): Redact {
  const names = findNames(databaseUrl);
  const patterns = findPasswords(databaseUrl)
    .toSorted((a, b) => b.length - a.length)
    .map((password) =>
      names.includes(password)
        ? { find: `:${password}@`, replace: `:${HIDDEN}@` }
        : { find: password, replace: HIDDEN },
    );
  return (text) => patterns.reduce((left, { find, replace }) => left.replaceAll(find, replace), text);
}

/**
 * Hides the passwords of all URLs of PostgreSQL in a text: an error of the application's own code, such as its
 * configuration, may show one that the command does not know. Messages that show the form of a URL have the word
 * `password` there.
 */
export const redactUrls: Redact = (text) =>
  text
    .replace(/(postgres(?:ql)?:\/\/[^\s:@/]*:)(?!password@)\S+@/gi, `$1${HIDDEN}@`)
    .replace(/postgres(?:ql)?:\/\/\S+/gi, (urls) =>
      urls.replace(/([?&]password=)[^\s&#"']+/gi, `$1${HIDDEN}`),
    );

/** Everything in arguments and environment that may hold a password, as connection URLs; also misspelt arguments. */
export function findUrls(argv: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const inArguments = argv.flatMap((argument) => /[a-z]+:\/\/.*/is.exec(argument) ?? []);
  const given = env.DATABASE_URL === undefined ? [] : [env.DATABASE_URL];
  if (!env.PGPASSWORD) return [...inArguments, ...given];
  const [user, host, database, password] = [env.PGUSER, env.PGHOST, env.PGDATABASE, env.PGPASSWORD].map(
    (value = '') => encodeURIComponent(value),
  );
  return [...inArguments, ...given, `postgres:///${database}?user=${user}&host=${host}&password=${password}`];
}

/** Serialises a value as JSON, with every text in it redacted. The JSON stays valid, whatever the secret is. */
export function stringifyRedacted(value: unknown, redact: Redact, indent?: number): string {
  return JSON.stringify(value, (_key, item) => (typeof item === 'string' ? redact(item) : item), indent);
}

/** Finds the password in all its spellings, also in a text that is not a valid URL. */
function findPasswords(databaseUrl: string): string[] {
  const inAuthority = /^[^:]+:\/\/[^:@]*:(.+)@/s.exec(databaseUrl)?.[1];
  const inQuery = /[?&]password=([^&#]*)/.exec(databaseUrl)?.[1];
  const written = [inAuthority, inQuery, parseUrl(databaseUrl)?.password];
  const spellings = written.flatMap((password) => {
    if (!password) return [];
    const decoded = decode(password);
    return [password, decoded, encodeURIComponent(decoded)];
  });
  return [...new Set(spellings)];
}

function findNames(databaseUrl: string): string[] {
  const url = parseUrl(databaseUrl);
  if (!url) return [];
  const inQuery = ['user', 'host'].map((name) => url.searchParams.get(name) ?? '');
  return [...[url.username, url.hostname, url.pathname.slice(1)].map(decode), ...inQuery];
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
