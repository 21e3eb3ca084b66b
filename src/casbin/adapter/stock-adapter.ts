import { createRequire } from 'node:module';
import type { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import type { PostgresAdapaterOptions } from 'casbin-pg-adapter/lib/model.js';

/** Its constructor is private in the types only: `newAdapter()` is that constructor followed by `open()`. */
export type StockAdapterClass = new (options: PostgresAdapaterOptions) => PostgresAdapter;

/**
 * Loads casbin-pg-adapter's class, open for extension; `open()` migrates unless told not to.
 *
 * With it come pg, node-pg-migrate and Casbin's second build, so it is loaded when an adapter is made, and not by
 * who imports this library for a policy or a type.
 */
export function loadStockAdapter(): StockAdapterClass {
  const stock: { PostgresAdapter: StockAdapterClass } = createRequire(import.meta.url)(
    'casbin-pg-adapter/lib/adapter.js',
  );
  return stock.PostgresAdapter;
}
