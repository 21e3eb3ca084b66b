import type { CommandConfig } from '../config.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { Database } from './database.ts';
import { type ConnectionFlags, EMBEDDED_DIR } from './flags.ts';
import { readServiceUrl } from './pg-service.ts';

/** Where to look for the database, the first that is given: arguments, environment, configuration, libpq's variables. */
export interface ConnectionSources {
  readonly flags: ConnectionFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly config: CommandConfig;
  /** Is told each URL that holds a password, before it is used. */
  readonly hidePassword: (databaseUrl: string) => void;
}

/**
 * Opens the database that a command works on. Never an embedded one that nobody asked for: a deployment that has lost
 * its secret must not succeed on an empty database of its own.
 *
 * @throws InvalidOptionsError when none is named, or one that can't be used
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
    return openServer(url, at);
  }
  if (!isNamedByLibpq(env)) throw unnamed();
  if (!isGiven(env.PGSERVICE)) return openServer(null);
  const url = readServiceUrl(env.PGSERVICE, env);
  hidePassword(url);
  return openServer(url, 'PGSERVICE');
}

/** Whether a database is named at all, for commands that do without. */
export function namesDatabase({ flags, env, config }: Omit<ConnectionSources, 'hidePassword'>): boolean {
  const named = [flags.embedded, flags.databaseUrl, env.DATABASE_URL, config.databaseUrl];
  return named.some((one) => one !== undefined) || isNamedByLibpq(env);
}

function isNamedByLibpq(env: NodeJS.ProcessEnv): boolean {
  return LIBPQ_VARIABLES.some((name) => isGiven(env[name]));
}

/** Those of libpq that name a server, a database or a role; others, such as PGSSLMODE, don't mean any one database. */
const LIBPQ_VARIABLES = ['PGSERVICE', 'PGHOST', 'PGDATABASE', 'PGUSER'];

function unnamed(): InvalidOptionsError {
  const message =
    'no database is named. Give --database-url, or set DATABASE_URL, databaseUrl in casbin-bootstrap.config, ' +
    "or libpq's variables (PGHOST, PGDATABASE, PGUSER, PGSERVICE). For a database without a server, give --embedded [DIR].";
  return new InvalidOptionsError([{ code: 'DATABASE_UNNAMED', at: 'database', message }]);
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
