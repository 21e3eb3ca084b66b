import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidOptionsError } from '../errors.ts';
import { reasonOf } from '../text.ts';

/** What is known of a project before anything is written into it. */
export interface Project {
  readonly folder: string;
  /** The text of its package.json. */
  readonly manifest: string;
  /** The scripts in it. */
  readonly scripts: Readonly<Record<string, unknown>>;
  /** The ending of a module: TypeScript where there is a tsconfig.json. */
  readonly ending: '.ts' | '.js' | '.mjs';
  /** Whether this package is among its dependencies. */
  readonly isInstalled: boolean;
  /** The table that the adapter in use reads; null where none is known to be in use. */
  readonly table: string | null;
  /** The migration tool in use; null where none is known to be. */
  readonly migrationTool: string | null;
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

/** Migration tools by package; the first that is found is meant. */
const MIGRATION_TOOLS: Readonly<Record<string, string>> = {
  'kysely-ctl': 'Kysely',
  prisma: 'Prisma',
  'drizzle-kit': 'Drizzle',
  typeorm: 'TypeORM',
  knex: 'Knex',
  'node-pg-migrate': 'node-pg-migrate',
  'graphile-migrate': 'graphile-migrate',
  umzug: 'Umzug',
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
  const find = (known: Readonly<Record<string, string>>) =>
    Object.entries(known).find(([name]) => packages.includes(name))?.[1] ?? null;
  const isTypeScript = existsSync(join(folder, 'tsconfig.json'));
  return {
    folder,
    manifest: text,
    scripts: Object(parsed.scripts),
    ending: isTypeScript ? '.ts' : parsed.type === 'module' ? '.js' : '.mjs',
    isInstalled: packages.includes('casbin-bootstrap'),
    table: find(ADAPTERS),
    migrationTool: find(MIGRATION_TOOLS),
  };
}

function readManifest(path: string): { text: string; parsed: Record<string, unknown> } {
  try {
    const text = readFileSync(path, 'utf8');
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) return { text, parsed: { ...parsed } };
    throw new Error('it is not an object');
  } catch (error) {
    const message = `it can't be read: ${reasonOf(error)}. Run it in the folder of a project, or make one by npm init.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: path, message }]);
  }
}
