import { type Adapter, type Enforcer, newEnforcer } from 'casbin';
import type pg from 'pg';
import { defaultModelPath } from './library.ts';

/** The adapters of others, each in a module of its own in adapters/. */
export const ADAPTERS = ['typeorm', 'sequelize', 'knex', 'basic', 'prisma'] as const;
export type AdapterName = (typeof ADAPTERS)[number];

/** Which of them make their table when they are opened; Prisma's is made by its migrations. */
export const MAKERS = ADAPTERS.filter((name) => name !== 'prisma');

/** What a module in adapters/ exports. */
interface AdapterModule {
  readonly tableName: string;
  /** Given where the adapter does not make its table. */
  readonly createTable?: string;
  openAdapter(url: string): Promise<{ adapter: Adapter; close(): Promise<void> }>;
}

/** A rule as a line of a policy: ptype first. */
export type Line = readonly [ptype: string, ...values: string[]];

/** An application that knows nothing of this library: an enforcer on somebody else's adapter. */
export interface Application extends AsyncDisposable {
  readonly enforcer: Enforcer;
  /** By the enforcer, as an application does; false where it has the rule. */
  add(...line: Line): Promise<boolean>;
  remove(...line: Line): Promise<boolean>;
  decide(requests: readonly (readonly string[])[]): Promise<boolean[]>;
  /** The rules that it has loaded, as lines. */
  lines(): Promise<string[]>;
}

export async function loadAdapter(name: AdapterName): Promise<AdapterModule> {
  return import(`./adapters/${name}.js`);
}

/** Makes the table of an adapter as an application would have it, on an empty database. */
export async function makeTable(name: AdapterName, pool: pg.Pool, url: string): Promise<void> {
  const { createTable, openAdapter } = await loadAdapter(name);
  if (createTable !== undefined) {
    await pool.query(createTable);
    return;
  }
  const { close } = await openAdapter(url);
  await close();
}

export async function openApplication(
  name: AdapterName,
  url: string,
  model: string = defaultModelPath,
): Promise<Application> {
  const { openAdapter } = await loadAdapter(name);
  const { adapter, close } = await openAdapter(url);
  const enforcer = await newEnforcer(model, adapter).catch(async (error) => {
    await close();
    throw error;
  });
  const isLink = (ptype: string) => ptype.startsWith('g');
  return {
    enforcer,
    add: (ptype, ...values) =>
      isLink(ptype)
        ? enforcer.addNamedGroupingPolicy(ptype, ...values)
        : enforcer.addNamedPolicy(ptype, ...values),
    remove: (ptype, ...values) =>
      isLink(ptype)
        ? enforcer.removeNamedGroupingPolicy(ptype, ...values)
        : enforcer.removeNamedPolicy(ptype, ...values),
    decide: (requests) => Promise.all(requests.map((request) => enforcer.enforce(...request))),
    lines: async () => [
      ...(await enforcer.getPolicy()).map((rule) => ['p', ...rule].join(' | ')),
      ...(await enforcer.getGroupingPolicy()).map((rule) => ['g', ...rule].join(' | ')),
    ],
    [Symbol.asyncDispose]: close,
  };
}
