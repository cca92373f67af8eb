export { AccessControl, type AccessControlOptions, SESSION_MS } from './access-control.ts';
export { addressName, Attempts } from './attempts.ts';
export { type Identity, unlimited } from './identity.ts';
export { sameText } from './keys.ts';
