import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidOptionsError } from '../errors.ts';
import { reasonOf } from '../text.ts';

/** What is known about a project before anything is written into it. */
export interface Project {
  /** The text of its package.json. */
  readonly manifest: string;
  /** The scripts in it. */
  readonly scripts: Readonly<Record<string, unknown>>;
  /** The ending of a module: TypeScript where there is a tsconfig.json. */
  readonly ending: '.ts' | '.js' | '.mjs';
  /** Whether this package is among its dependencies. */
  readonly isInstalled: boolean;
  /** The table that the installed adapter reads; null if no known adapter is installed. */
  readonly table: string | null;
  /** The installed migration tool; null if no known one is installed. */
  readonly migrationTool: MigrationTool | null;
  /** The existing configuration, as a path relative to the folder; null if there is none. */
  readonly config: string | null;
}

/** The rule tables of adapters, by package; casbin-pg-adapter's is the usual one. */
const ADAPTERS: Readonly<Record<string, string>> = {
  'typeorm-adapter': 'casbin_rule',
  'casbin-sequelize-adapter': 'casbin_rule',
  'casbin-knex-adapter': 'policies',
  'casbin-basic-adapter': 'casbin_rule',
  'casbin-prisma-adapter': 'casbin_rule',
  'casbin-drizzle-adapter': 'casbin_rule',
};

/** A tool that migrates the other tables of a project. */
export interface MigrationTool {
  readonly name: string;
  /** The command that migrates up; null if that is a program of the project. */
  readonly command: string | null;
  /** Whether it may drop tables that it does not know, in the schemas that it looks at. */
  readonly dropsUnknown?: true;
}

/** Migration tools by package; the first one that is installed is used. */
const MIGRATION_TOOLS: Readonly<Record<string, MigrationTool>> = {
  'kysely-ctl': { name: 'Kysely', command: 'kysely migrate:latest' },
  prisma: { name: 'Prisma', command: 'prisma migrate deploy', dropsUnknown: true },
  'drizzle-kit': { name: 'Drizzle', command: 'drizzle-kit migrate', dropsUnknown: true },
  typeorm: { name: 'TypeORM', command: 'typeorm migration:run' },
  knex: { name: 'Knex', command: 'knex migrate:latest' },
  'node-pg-migrate': { name: 'node-pg-migrate', command: 'node-pg-migrate up' },
  'graphile-migrate': { name: 'graphile-migrate', command: 'graphile-migrate migrate' },
  umzug: { name: 'Umzug', command: null },
};

/**
 * Looks at a project.
 *
 * @throws InvalidOptionsError when it has no package.json that can be read
 */
export function readProject(folder: string): Project {
  const path = join(folder, 'package.json');
  const { text, parsed } = readManifest(path);
  const packages = ['dependencies', 'devDependencies', 'peerDependencies'].flatMap((key) =>
    Object.keys(Object(parsed[key])),
  );
  const find = <T>(known: Readonly<Record<string, T>>): T | null =>
    Object.entries(known).find(([name]) => packages.includes(name))?.[1] ?? null;
  const isTypeScript = existsSync(join(folder, 'tsconfig.json'));
  return {
    manifest: text,
    scripts: Object(parsed.scripts),
    ending: isTypeScript ? '.ts' : parsed.type === 'module' ? '.js' : '.mjs',
    isInstalled: packages.includes('casbin-bootstrap'),
    table: find(ADAPTERS),
    migrationTool: find(MIGRATION_TOOLS),
    config: findConfig(folder),
  };
}

/** The places of a configuration, and the endings of its file, in the order in which the command looks for them. */
const CONFIG_NAMES = [
  'casbin-bootstrap.config',
  '.config/casbin-bootstrap',
  '.config/casbin-bootstrap.config',
];
const CONFIG_ENDINGS = [
  'js',
  'ts',
  'mjs',
  'cjs',
  'mts',
  'cts',
  'json',
  'jsonc',
  'json5',
  'yaml',
  'yml',
  'toml',
];

/** The configuration that the command finds in a folder, as a path relative to it; null if there is none. */
export function findConfig(folder: string): string | null {
  const paths = CONFIG_NAMES.flatMap((name) => CONFIG_ENDINGS.map((ending) => `${name}.${ending}`));
  return paths.find((path) => existsSync(join(folder, path))) ?? null;
}

function readManifest(path: string): { text: string; parsed: Record<string, unknown> } {
  try {
    const text = readFileSync(path, 'utf8');
    // npm accepts a byte order mark too.
    const parsed: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (!isObject(parsed)) throw new Error('it is not an object');
    if (parsed.scripts === undefined || isObject(parsed.scripts)) return { text, parsed };
    throw new Error('its scripts are not an object');
  } catch (error) {
    const message = `it can't be read: ${reasonOf(error)}. Run it in the folder of a project, or make one by npm init.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: path, message }]);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
