import { ConnectionError } from '../errors.ts';

/** Loads an optional dependency of the embedded database; a missing one is an error that says what to do. */
export async function importOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new ConnectionError(
      'CONNECTION_FAILED',
      `The embedded database needs the package ${name}, which could not be loaded here. ` +
        `Run \`npm install ${name}\`, or give the URL of a PostgreSQL server in DATABASE_URL.`,
      { cause },
    );
  }
}
