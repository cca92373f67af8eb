export {
  admit,
  API_MEMORY_LIMIT,
  budgetOf,
  describeBudget,
  heldByWorkers,
  ingestMemoryLimit,
  liveMemoryLimit,
  cameraMemory,
  cameraMemoryLimit,
  memoryLimitOf,
  supervisorMemoryLimit,
  roomFor,
  type RunningWorker,
  sums,
} from './budget.ts';
export { checkModels, describeContainer, type LocatedModel, locateModels, pullModel } from './locate-models.ts';
export {
  containerArguments,
  describePlan,
  modelClass,
  type Plan,
  type PlannedBroker,
  type PlannedHttp,
  type PlannedModel,
  planOf,
  workerLimits,
  workersOf,
} from './plan.ts';
export { describeChange, diffPlans, type PlanChange, type PlanChangeSummary, summaryOf } from './plan-change.ts';
export type { PlannedTracing } from './planned-tracing.ts';
export type { PlannedWebhook } from './planned-webhooks.ts';
export type { PlannedMarks, PlannedRecording } from './planned-recording.ts';
export { plannedRules } from './planned-rules.ts';
