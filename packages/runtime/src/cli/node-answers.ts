import { printable, VigiaError } from '@vigia/base';
import { type LogAnswer, logAnswerSchema, type LogQuery, type NodeStatus, nodeStatusSchema } from '@vigia/contracts';
import { askNode } from '#services/control-client';

const ANSWER_MS = 2_000;

interface Schema<T> {
  safeParse(value: unknown): {
    readonly data?: T | undefined;
    readonly error?:
      | { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }
      | undefined;
  };
}

/** What a request to a running node is answered, as the schema says; every text in it is printable. @throws VigiaError */
export async function askJson<T>(schema: Schema<T>, ...question: Parameters<typeof askNode>): Promise<T> {
  return parsed(await askNode(...question), schema);
}

/** The status of a running node; every text in it is printable. @throws VigiaError */
export async function askStatus(socket: string): Promise<NodeStatus> {
  return parsed(await askNode(socket, '/api/v1/status', ANSWER_MS), nodeStatusSchema);
}

/** Records of a running node's log. @throws VigiaError, UsageError for a query that the node refuses. */
export async function askLogs(socket: string, query: Partial<Record<keyof LogQuery, string>>): Promise<LogAnswer> {
  const text = new URLSearchParams(query).toString();
  return parsed(await askNode(socket, `/api/v1/logs?${text}`, ANSWER_MS), logAnswerSchema);
}

/** Whether an error of a question says that the node has ended, or is about to close its socket. */
export function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return ['not_running', 'gone', 'ECONNRESET', 'EPIPE'].includes(String(code));
}

function parsed<T>(answer: Buffer, schema: Schema<T>): T {
  const { data, error } = schema.safeParse(jsonOf(answer));
  if (data !== undefined) return data;
  const [issue] = error?.issues ?? [];
  throw new VigiaError(
    'no_answer',
    `the node's answer is not understood (${issue?.path.join('.')}: ${issue?.message}): does it run another version of vigia?`,
  );
}

function jsonOf(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString('utf8'), (_key, one: unknown) => printableIn(one));
  } catch {
    return undefined;
  }
}

/** A value of JSON whose inner values are printable already: a text, or the names in an object. */
function printableIn(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [printable(name), one]));
}
