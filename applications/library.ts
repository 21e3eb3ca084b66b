/** The library as it is built, which is what an application gets. */
const built: typeof import('../src/index.ts') = await import(
  new URL('../dist/index.js', import.meta.url).href
);

export const {
  bootstrapDatabase,
  changePolicy,
  createAdapter,
  createEnforcer,
  defaultModelPath,
  definePolicy,
  readJournal,
  verifyDatabase,
  writeBootstrapSql,
} = built;
