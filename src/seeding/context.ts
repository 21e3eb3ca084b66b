import type { CasbinAdapter } from '../casbin/adapter/casbin-adapter.ts';
import type { Report } from '../progress.ts';
import type { SeederContext } from './seeder.ts';

/** What all seeders of one transaction share. */
export type SharedContext = Omit<SeederContext, 'progress'>;

/**
 * The context of a transaction. Its adapter is made when a seeder asks for it: what that takes to load is more than
 * all the rest of a start with nothing to do.
 */
export function shareContext(
  { db, logger, schema, firstRun, dryRun }: Omit<SharedContext, 'adapter'>,
  createAdapter: () => CasbinAdapter,
): SharedContext {
  let adapter: CasbinAdapter | undefined;
  return {
    db,
    logger,
    schema,
    firstRun,
    dryRun,
    get adapter() {
      adapter ??= createAdapter();
      return adapter;
    },
  };
}

/** The context of one seeder, which tells its progress under its own name. */
export function bindContext(shared: SharedContext, progress: Report): SeederContext {
  const { db, logger, schema, firstRun, dryRun } = shared;
  return {
    db: db.withoutPlugins(),
    logger,
    schema,
    firstRun,
    dryRun,
    progress,
    get adapter() {
      return shared.adapter;
    },
  };
}
