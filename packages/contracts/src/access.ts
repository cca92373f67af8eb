import { z } from 'zod';
import { ID_PATTERN } from './ids.ts';

/** What a user may do. Each role may do what those before it may; `screen` sees states, alarms and results, no pictures. */
export const ROLES = ['screen', 'viewer', 'operator', 'admin'] as const;
/** See {@link ROLES}. */
export type Role = (typeof ROLES)[number];

/** Cameras that a user may see: all of a node, also those added later, or these. */
export const grantSchema = z.union([z.literal('all'), z.array(z.string().regex(ID_PATTERN)).min(1).max(1_000)]);
/** See {@link grantSchema}. */
export type Grant = z.infer<typeof grantSchema>;

/** Length of a password, characters. */
const PASSWORD = { least: 8, most: 256 } as const;
/** Longest life of a token, days. */
const TOKEN_DAYS = 3_650;

/** The name of a user. */
export const userNameSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._@-]{0,62}$/,
    'a user’s name is 1 to 63 of a-z, 0-9, ".", "_", "@" and "-", and begins with a letter or digit',
  );
/** A new password. */
export const passwordSchema = z
  .string()
  .min(PASSWORD.least, `a password has at least ${PASSWORD.least} characters`)
  .max(PASSWORD.most, `a password has at most ${PASSWORD.most} characters`);
/** The public part of a token, by which it is removed. */
export const tokenIdSchema = z.string().regex(/^[0-9a-f]{12}$/, 'a token’s id is 12 of 0-9 and a-f');
/** What a token is for. */
export const tokenNameSchema = z
  .string()
  .regex(/^[\x20-\x7E]{1,64}$/, 'a token’s name is 1 to 64 printable characters');

const role = z.enum(ROLES);

/** A user, without anything secret. */
export const userSchema = z.strictObject({
  name: userNameSchema,
  role,
  cameras: grantSchema,
  /** Whether the user can log in. Without a password there are only tokens. */
  password: z.boolean(),
  created_at: z.iso.datetime(),
});
/** See {@link userSchema}. */
export type User = z.infer<typeof userSchema>;

/** A new user. */
export const newUserSchema = z.strictObject({
  name: userNameSchema,
  role,
  cameras: grantSchema.default('all'),
  password: passwordSchema.optional().describe('Without one the user cannot log in, and has tokens only.'),
});
/** See {@link newUserSchema}. */
export type NewUser = z.output<typeof newUserSchema>;

/** Changes of a user. What is absent stays. */
export const userChangeSchema = z.strictObject({
  role: role.optional(),
  cameras: grantSchema.optional(),
  password: passwordSchema.optional().describe('Ends all sessions of the user.'),
});
/** See {@link userChangeSchema}. */
export type UserChange = z.infer<typeof userChangeSchema>;

/** A token of a user, without its secret. */
export const tokenSchema = z.strictObject({
  id: tokenIdSchema,
  user: userNameSchema,
  name: tokenNameSchema,
  /** The token may do no more than this, and no more than its user. */
  role,
  created_at: z.iso.datetime(),
  /** Null: it does not expire. */
  expires_at: z.iso.datetime().nullable(),
});
/** See {@link tokenSchema}. */
export type Token = z.infer<typeof tokenSchema>;

/** A new token. */
export const newTokenSchema = z.strictObject({
  name: tokenNameSchema,
  user: userNameSchema.optional().describe('Whose. Default: of the one who asks.'),
  role: role.optional().describe('The most that it may do. Default: what its user may.'),
  days: z.int().min(1).max(TOKEN_DAYS).optional().describe('How long it is valid. Default: until it is removed.'),
});
/** See {@link newTokenSchema}. */
export type NewToken = z.output<typeof newTokenSchema>;

/** A token with its secret, which is shown this once. */
export const madeTokenSchema = tokenSchema.extend({ token: z.string() });
/** See {@link madeTokenSchema}. */
export type MadeToken = z.infer<typeof madeTokenSchema>;

/** What a login needs. */
export const loginSchema = z.strictObject({ user: userNameSchema, password: z.string().max(PASSWORD.most) });

/** Who asks. */
export const meSchema = z.strictObject({
  /** Null where no login is needed: the control socket, and a node without users. */
  user: userNameSchema.nullable(),
  role,
  cameras: grantSchema,
  /** Of a session: the value of `X-CSRF-Token` that every change needs. Null otherwise. */
  csrf: z.string().nullable(),
  /** When the session or token ends; null: never. */
  expires_at: z.iso.datetime().nullable(),
});
/** See {@link meSchema}. */
export type Me = z.infer<typeof meSchema>;
