import {
  type Grant,
  grantSchema,
  type Role,
  ROLES,
  tokenIdSchema,
  tokenNameSchema,
  userNameSchema,
} from '@vigia/contracts/api';
import { z } from 'zod';
import { passwordHashSchema } from './passwords.ts';

/** Most users of a node, and most tokens and sessions together. */
export const USERS_LIMIT = 1_000;
/** See {@link USERS_LIMIT}. */
export const KEYS_LIMIT = 20_000;

const at = z.iso.datetime();
const role = z.enum(ROLES);

/** A user, as stored. */
export interface StoredUser {
  readonly role: Role;
  readonly cameras: Grant;
  /** A hash; null: the user cannot log in. */
  readonly password: string | null;
  readonly created_at: string;
}

const storedUserSchema: z.ZodType<StoredUser> = z.strictObject({
  role,
  cameras: grantSchema,
  password: passwordHashSchema.nullable(),
  created_at: at,
});

/** A token or session, as stored. */
export interface StoredKey {
  /** `session`: a login of a browser. */
  readonly kind: 'token' | 'session';
  readonly user: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret, base64url. The secret is random, so that a fast hash is enough. */
  readonly hash: string;
  readonly created_at: string;
  /** Null: it does not expire. */
  readonly expires_at: string | null;
}

const storedKeySchema: z.ZodType<StoredKey> = z.strictObject({
  kind: z.enum(['token', 'session']),
  user: userNameSchema,
  name: tokenNameSchema,
  role,
  hash: z.string().regex(/^[\w-]{43}$/),
  created_at: at,
  expires_at: at.nullable(),
});

/** The form of the file that holds users, tokens and sessions. It contains no password and no token, only hashes. */
interface WrittenAccess {
  readonly version: 1;
  readonly users: Readonly<Record<string, StoredUser>>;
  readonly keys: Readonly<Record<string, StoredKey>>;
}

/** See {@link WrittenAccess}. */
export const writtenAccessSchema: z.ZodType<WrittenAccess> = z.strictObject({
  version: z.literal(1),
  users: z
    .record(userNameSchema, storedUserSchema)
    .refine((users) => Object.keys(users).length <= USERS_LIMIT, `at most ${USERS_LIMIT} users`),
  keys: z
    .record(tokenIdSchema, storedKeySchema)
    .refine((keys) => Object.keys(keys).length <= KEYS_LIMIT, `at most ${KEYS_LIMIT} tokens`),
});

/** Users by name, tokens and sessions by id. */
export interface AccessDocument {
  readonly users: ReadonlyMap<string, StoredUser>;
  readonly keys: ReadonlyMap<string, StoredKey>;
}

/** Nobody. */
export const NOBODY: AccessDocument = { users: new Map(), keys: new Map() };
