import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['applications/*.test.ts'],
    globalSetup: [
      'test/support/server-setup.ts',
      'test/support/build-setup.ts',
      'applications/install-setup.ts',
    ],
    // By Node, as in an application: modules of CommonJS look otherwise to Vite.
    server: { deps: { external: [/applications\/adapters\//] } },
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // what is waited for comes late on a busy machine
    expect: { poll: { timeout: 30_000 } },
  },
});
