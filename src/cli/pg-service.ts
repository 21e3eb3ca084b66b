import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { InvalidOptionsError } from '../errors.ts';

type Settings = ReadonlyMap<string, string>;

/**
 * The connection URL for a service of libpq's connection service file, which pg does not read: the user's own file
 * (PGSERVICEFILE, else `~/.pg_service.conf`), then that of the system (`pg_service.conf` in PGSYSCONFDIR).
 *
 * @throws InvalidOptionsError when no file has the service
 */
export function readServiceUrl(service: string, env: NodeJS.ProcessEnv): string {
  const files = [
    env.PGSERVICEFILE ?? join(homedir(), '.pg_service.conf'),
    ...(env.PGSYSCONFDIR === undefined ? [] : [join(env.PGSYSCONFDIR, 'pg_service.conf')]),
  ];
  for (const file of files) {
    const settings = findSection(readText(file), service);
    if (settings !== null) return toUrl(settings);
  }
  const message = `no service "${service}" is in ${files.join(' or ')}. Correct the name, or name the file by PGSERVICEFILE.`;
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'PGSERVICE', message }]);
}

/** Empty where there is no such file, or it may not be read: the next one may have the service. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** The settings below `[service]`; of several for one name the first counts, as for libpq. */
function findSection(text: string, service: string): Settings | null {
  let settings: Map<string, string> | null = null;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#')) continue;
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

/** Its settings as parameters, since a host may be the folder of a socket, which the authority of a URL can't be. */
function toUrl(settings: Settings): string {
  const parameters = [...settings]
    .filter(([name]) => name !== 'dbname')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return `postgres:///${encodeURIComponent(settings.get('dbname') ?? '')}?${parameters.join('&')}`;
}
