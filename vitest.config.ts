import { defineConfig } from 'vitest/config';

// Unit tests run on the sources (condition `source`). Tests that start processes or threads run on the built files:
// a child inherits the condition, and plain Node cannot load `.ts` (see CONTRIBUTING.md).
export default defineConfig({
  test: {
    projects: [
      {
        resolve: { conditions: ['source'] },
        ssr: { resolve: { conditions: ['source'] } },
        test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'], pool: 'forks', maxWorkers: 2 },
      },
      {
        test: {
          name: 'system',
          include: ['packages/*/test/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 90_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
