// By its file, not by the package's name: the entry is CommonJS with a `default`, which Node wraps in another
// `default` and test runners and bundlers unwrap, each in its own way. A named import is the same everywhere.
import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import type { PostgresAdapaterOptions } from 'casbin-pg-adapter/lib/model.js';

/**
 * casbin-pg-adapter's class, open for extension.
 *
 * Its constructor is private in the types only: `newAdapter()` is that constructor followed by `open()`, which
 * migrates unless told not to.
 */
export const StockAdapter = PostgresAdapter as unknown as new (
  options: PostgresAdapaterOptions,
) => PostgresAdapter;
