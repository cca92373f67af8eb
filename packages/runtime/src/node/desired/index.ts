export { type Applied, DesiredState, type Revision } from './desired-state.ts';
