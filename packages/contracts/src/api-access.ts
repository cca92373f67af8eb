import { z } from 'zod';
import {
  loginSchema,
  madeTokenSchema,
  meSchema,
  newTokenSchema,
  newUserSchema,
  tokenIdSchema,
  tokenSchema,
  userChangeSchema,
  userNameSchema,
  userSchema,
} from './access.ts';
import type { ApiRoute } from './api-route.ts';

const nothing = z.strictObject({});
const ofUser = z.strictObject({ user: userNameSchema });
const ofToken = z.strictObject({ token: tokenIdSchema });

/** The cookie of a session. */
export const SESSION_COOKIE = 'vigia_session';
/** The header that each change in a session needs. */
export const CSRF_HEADER = 'x-csrf-token';

/** The routes about users, tokens and logins. */
export const ACCESS_API = {
  login: {
    method: 'POST',
    path: '/api/v1/login',
    summary: 'Begins a session: sets a cookie. Each change in it needs `X-CSRF-Token` with the `csrf` of the answer.',
    role: 'anyone',
    scope: 'self',
    body: { schema: loginSchema, as: 'json' },
    answer: meSchema,
    refusals: [401, 429, 503],
  },
  logout: {
    method: 'POST',
    path: '/api/v1/logout',
    summary: 'Ends the session, and its streams.',
    role: 'screen',
    scope: 'self',
    answer: nothing,
    refusals: [],
  },
  me: {
    method: 'GET',
    path: '/api/v1/me',
    summary: 'Who asks, and what they may do.',
    role: 'screen',
    scope: 'self',
    answer: meSchema,
    refusals: [],
  },
  users: {
    method: 'GET',
    path: '/api/v1/users',
    summary: 'All users.',
    role: 'admin',
    scope: 'node',
    answer: z.array(userSchema),
    refusals: [],
  },
  addUser: {
    method: 'POST',
    path: '/api/v1/users',
    summary: 'Adds a user. The first one must be an admin of all cameras.',
    role: 'admin',
    scope: 'node',
    body: { schema: newUserSchema, as: 'json' },
    answer: userSchema,
    refusals: [409, 503],
  },
  changeUser: {
    method: 'PUT',
    path: '/api/v1/users/{user}',
    summary: 'Changes a role, the cameras or the password of a user. What is absent stays.',
    role: 'admin',
    scope: 'node',
    params: ofUser,
    body: { schema: userChangeSchema, as: 'json' },
    answer: userSchema,
    refusals: [404, 409, 503],
  },
  removeUser: {
    method: 'DELETE',
    path: '/api/v1/users/{user}',
    summary: 'Removes a user with their tokens, sessions and streams.',
    role: 'admin',
    scope: 'node',
    params: ofUser,
    answer: nothing,
    refusals: [404, 409],
  },
  tokens: {
    method: 'GET',
    path: '/api/v1/tokens',
    summary: 'Your tokens; for an admin of all cameras, those of all users. Without their secrets.',
    role: 'viewer',
    scope: 'self',
    answer: z.array(tokenSchema),
    refusals: [],
  },
  addToken: {
    method: 'POST',
    path: '/api/v1/tokens',
    summary:
      'Makes a token, which is shown this once. An admin of all cameras may make one for another user. Not with a token.',
    role: 'viewer',
    scope: 'self',
    body: { schema: newTokenSchema, as: 'json' },
    answer: madeTokenSchema,
    refusals: [404, 409],
  },
  removeToken: {
    method: 'DELETE',
    path: '/api/v1/tokens/{token}',
    summary: 'Removes a token: one of yours, or as an admin of all cameras any.',
    role: 'viewer',
    scope: 'self',
    params: ofToken,
    answer: nothing,
    refusals: [404],
  },
} as const satisfies Readonly<Record<string, ApiRoute>>;
