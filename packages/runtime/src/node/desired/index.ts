export { type Applied, type Author, DesiredState, type Revision } from './desired-state.ts';
