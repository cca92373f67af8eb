import type { NodeProblem } from '@vigia/contracts';
import { expect, test } from 'vitest';
import type { ControlledNode } from './controlled-node.ts';
import { grantedNode } from './granted-node.ts';

test('problems of other cameras do not exist, nor of the node; those of models do, which explain why nothing answers', () => {
  const problem = (subject: string, camera: string | null, model: string | null): NodeProblem =>
    ({ subject, camera, model }) as NodeProblem;
  const all = [
    problem('hall/falls', 'hall', null),
    problem('yard', 'yard', null),
    problem('model:pose', null, 'pose'),
    problem('_node', null, null),
  ];
  const node = grantedNode({ problems: () => all } as unknown as ControlledNode, ['hall', 'gone']);
  expect(node.problems().map(({ subject }) => subject)).toEqual(['hall/falls', 'model:pose']);
});
