import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CommandConfig } from '../config.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { Database } from './database.ts';
import { type ConnectionFlags, EMBEDDED_DIR } from './flags.ts';

/** Where the database may be named, in this order: arguments, environment, configuration, libpq's variables. */
export interface ConnectionSources {
  readonly flags: ConnectionFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly config: CommandConfig;
  /** Called with each URL that has a password, before it is used. */
  readonly hidePassword: (databaseUrl: string) => void;
}

/**
 * Opens the database of a command. It opens an embedded one only on request: a deployment without its secret must not
 * succeed on an empty database of its own.
 *
 * @throws InvalidOptionsError if no database is named, or it can't be used
 */
export async function openNamedDatabase({
  flags,
  env,
  config,
  hidePassword,
}: ConnectionSources): Promise<Database> {
  const { openEmbedded, openServer } = await import('./database.ts');
  const { databaseUrl, embedded } = flags;
  if (embedded !== undefined) {
    if (databaseUrl !== undefined) {
      const message = 'it names another database than --database-url. Give one of them.';
      throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: '--embedded', message }]);
    }
    return openEmbedded(embedded === true ? EMBEDDED_DIR : embedded);
  }
  const named = [
    ['--database-url', databaseUrl],
    ['DATABASE_URL', env.DATABASE_URL],
    ['databaseUrl', config.databaseUrl],
  ] as const;
  for (const [at, url] of named) {
    if (url === undefined) continue;
    hidePassword(url);
    return openServer(withAddress(url, env), at);
  }
  if (!isNamedByLibpq(env)) throw unnamed();
  if (!isGiven(env.PGSERVICE)) {
    const address = addressOf(env);
    return address.size === 0 ? openServer(null) : openServer(toUrl(address), 'PGHOSTADDR');
  }
  const url = readServiceUrl(env.PGSERVICE, env);
  hidePassword(url);
  return openServer(url, 'PGSERVICE');
}

/** Whether a database is named, for commands that also work without one. */
export function namesDatabase({ flags, env, config }: Omit<ConnectionSources, 'hidePassword'>): boolean {
  const named = [flags.embedded, flags.databaseUrl, env.DATABASE_URL, config.databaseUrl];
  return named.some((one) => one !== undefined) || isNamedByLibpq(env);
}

function isNamedByLibpq(env: NodeJS.ProcessEnv): boolean {
  return LIBPQ_VARIABLES.some((name) => isGiven(env[name]));
}

/** The variables of libpq that name a server, a database or a role. Others, such as PGSSLMODE, name no database. */
const LIBPQ_VARIABLES = ['PGSERVICE', 'PGHOST', 'PGHOSTADDR', 'PGDATABASE', 'PGUSER'];

function unnamed(): InvalidOptionsError {
  const message =
    'no database is named. Give --database-url, or set DATABASE_URL, databaseUrl in casbin-bootstrap.config, ' +
    "or libpq's variables (PGHOST, PGHOSTADDR, PGDATABASE, PGUSER, PGSERVICE). For a database without a server, give --embedded [DIR].";
  return new InvalidOptionsError([{ code: 'DATABASE_UNNAMED', at: 'database', message }]);
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

type Settings = ReadonlyMap<string, string>;

/** The address of PGHOSTADDR, which pg does not know. Empty beside a host, which pg looks up. */
function addressOf({ PGHOST, PGHOSTADDR }: NodeJS.ProcessEnv): Settings {
  return new Map(isGiven(PGHOST) || !isGiven(PGHOSTADDR) ? [] : [['hostaddr', PGHOSTADDR]]);
}

/** A URL without a host gets the address that it has itself, or that of PGHOSTADDR. pg would take this machine. */
function withAddress(url: string, env: NodeJS.ProcessEnv): string {
  if (!HAS_NO_HOST.test(url) || /[?&]host=[^&]/.test(url)) return url;
  const [own] = /(?<=[?&]hostaddr=)[^&]+/.exec(url) ?? [];
  const address = own ?? addressOf(env).get('hostaddr');
  return address === undefined ? url : `${url}${url.includes('?') ? '&' : '?'}host=${address}`;
}

const HAS_NO_HOST = /^postgres(?:ql)?:\/\/(?:[^/?#]*@)?(?:[/?]|$)/;

/**
 * The connection URL for a service of libpq's connection service file, which pg does not read: the user's own file
 * (PGSERVICEFILE, else `~/.pg_service.conf`), then that of the system (`pg_service.conf` in PGSYSCONFDIR).
 *
 * @throws InvalidOptionsError when no file has the service
 */
function readServiceUrl(service: string, env: NodeJS.ProcessEnv): string {
  const files = [
    env.PGSERVICEFILE ?? join(homedir(), '.pg_service.conf'),
    ...(env.PGSYSCONFDIR === undefined ? [] : [join(env.PGSYSCONFDIR, 'pg_service.conf')]),
  ];
  for (const file of files) {
    const settings = findSection(readText(file), service);
    if (settings !== null) return toUrl(new Map([...addressOf(env), ...settings]));
  }
  const message = `no service "${service}" is in ${files.join(' or ')}. Correct the name, or name the file by PGSERVICEFILE.`;
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'PGSERVICE', message }]);
}

/** Empty if there is no such file, or it may not be read, because the next one may have the service. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The settings below `[service]`. If a name occurs several times, the first counts, as for libpq. */
function findSection(text: string, service: string): Settings | null {
  let settings: Map<string, string> | null = null;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (settings !== null) return settings;
      if (line === `[${service}]`) settings = new Map();
      continue;
    }
    const equals = line.indexOf('=');
    const name = line.slice(0, equals).trim();
    if (equals > 0 && settings?.has(name) === false) settings.set(name, line.slice(equals + 1).trim());
  }
  return settings;
}

/** Writes the settings as parameters, because a host may be the folder of a socket. */
function toUrl(settings: Settings): string {
  // pg does not know hostaddr, and would connect to this machine. It looks up a host that is given beside it.
  const address = settings.get('hostaddr');
  const named = address === undefined ? settings : new Map([['host', address], ...settings]);
  const parameters = [...named]
    .filter(([name]) => name !== 'dbname')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  // A ? or # would end the path, and the parameters would be lost. pg does not decode them, so the server has no such
  // database.
  const database = encodeURI(settings.get('dbname') ?? '').replaceAll(/[?#]/g, encodeURIComponent);
  return `postgres:///${database}?${parameters.join('&')}`;
}
