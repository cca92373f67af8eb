export { AccessControl, type AccessControlOptions } from './access-control.ts';
export { addressName, Attempts } from './attempts.ts';
export { type Identity, unlimited } from './identity.ts';
export { sameText } from './keys.ts';
