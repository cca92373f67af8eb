export { type Flight, type Outcome, resultMessage, type ResultSubject } from './result-message.ts';
export { addClassCounts, ResultCounts } from './result-counts.ts';
