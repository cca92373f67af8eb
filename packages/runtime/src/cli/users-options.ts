import type { Option } from './command.ts';

/** Names of the options of `vigia users`. */
export type UsersOption = 'role' | 'cameras' | 'password' | 'no-password' | 'for' | 'days' | 'json';

/** Options of the verbs of `vigia users`, besides those that say which node. */
export const USERS_OPTIONS: Readonly<Record<UsersOption, Option>> = {
  role: { type: 'string', about: 'what they may do', value: ['screen', 'viewer', 'operator', 'admin'] },
  cameras: { type: 'string', about: 'which cameras they may see' },
  password: { type: 'boolean', about: 'ask for a new password' },
  'no-password': { type: 'boolean', about: 'tokens only, no login' },
  for: { type: 'string', about: 'what the token is for' },
  days: { type: 'string', about: 'how long the token is valid' },
  json: { type: 'boolean', about: 'as JSON' },
};
