/** Ids of cameras, consumers, models and nodes. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
