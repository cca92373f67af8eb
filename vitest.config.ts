import { defineConfig } from 'vitest/config';

// Unit tests run on the sources (condition `source`). Tests that start processes or threads run on the built files:
// a child inherits the condition, and plain Node cannot load `.ts` (see CONTRIBUTING.md).
/** Unit tests that replace a module for all, or count what the whole process holds. */
const ALONE = [
  'packages/base/src/supervised-child.test.ts',
  'packages/testkit/src/simulated-camera/{simulated-camera,transport}.test.ts',
];
/**
 * System tests that judge ages, count drops of a loaded camera, or meet deadlines of milliseconds. They wait more than
 * they compute: two of them leave room on two cores, if no other test computes beside them.
 */
const TIMED = [
  'packages/runtime/test/{ages,chain,fall-chain,faults,many-cameras,neighbours,shutdown,stopped-camera,workers}.test.ts',
  'packages/worker-sdk/test/worker-{process,thread}.test.ts',
];
/** System tests whose node alone keeps the machine busy. */
const LARGE = ['packages/runtime/test/page-ward.test.ts'];

export default defineConfig({
  test: {
    tags: [
      {
        name: 'full',
        description:
          'Left to `npm run test:full`: it needs Chromium or GStreamer, or takes long and guards what changes seldom.',
      },
    ],
    projects: [
      // Files of one worker share their modules: reading those took half of the time. They may share nothing else.
      {
        resolve: { conditions: ['source'] },
        ssr: { resolve: { conditions: ['source'] } },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts'],
          exclude: ALONE,
          pool: 'forks',
          maxWorkers: 2,
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        resolve: { conditions: ['source'] },
        ssr: { resolve: { conditions: ['source'] } },
        test: { name: 'unit-alone', include: ALONE, pool: 'forks', maxWorkers: 2, testTimeout: 30_000 },
      },
      {
        test: {
          name: 'shared',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: [...TIMED, ...LARGE],
          pool: 'forks',
          // They wait for processes about as long as they compute.
          maxWorkers: 3,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'timed',
          include: TIMED,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 90_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'large',
          include: LARGE,
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
