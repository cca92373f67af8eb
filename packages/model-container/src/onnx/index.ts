export { compareWithGolden, probe } from './golden.ts';
export { ModelSession, type SessionOptions } from './session.ts';
