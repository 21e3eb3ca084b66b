import { defineConfig } from 'vitest/config';

// Not `.test.js`: these fail on purpose, and only their own project may run them.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.fails.js'],
    // The library is loaded by Node, as in an application.
    server: { deps: { external: [/\/dist\//] } },
  },
});
