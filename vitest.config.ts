import { defineConfig } from 'vitest/config';

// Unit tests run on the sources (condition `source`). Tests that start processes or threads run on the built files:
// a child inherits the condition, and plain Node cannot load `.ts` (see CONTRIBUTING.md).
/** Unit tests that replace a module for all, or count what the whole process holds. */
const ALONE = ['packages/base/src/supervised-child.test.ts', 'packages/testkit/src/simulated-camera/transport.test.ts'];
/** System tests in which nothing depends on how fast anything is: two at a time. All others have the machine to themselves. */
const UNHURRIED = [
  'packages/runtime/test/{bad-input,budget,models,reload,snapshot}.test.ts',
  'packages/model-container/test/{conversion,formats,model,model-examples,onboarding,remote}.test.ts',
  'packages/frame-supplier/test/{conformance,examples}.test.ts',
  'packages/worker-sdk/test/conformance.test.ts',
  'packages/testkit/test/ffmpeg.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      // Files of one worker share their modules: reading those took half of the time. They may share nothing else.
      {
        resolve: { conditions: ['source'] },
        ssr: { resolve: { conditions: ['source'] } },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ALONE,
          pool: 'forks',
          maxWorkers: 2,
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        resolve: { conditions: ['source'] },
        ssr: { resolve: { conditions: ['source'] } },
        test: { name: 'unit-alone', include: ALONE, pool: 'forks', maxWorkers: 2, testTimeout: 60_000 },
      },
      {
        test: {
          name: 'unhurried',
          include: UNHURRIED,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: UNHURRIED,
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
