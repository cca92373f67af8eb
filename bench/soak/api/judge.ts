import { API, apiErrorSchema, type ApiRoute } from '@vigia/contracts/api';
import type { RawAnswer } from './exchange.ts';
import { HIDDEN, type Person, refusalFor } from './people.ts';
import type { FuzzRequest } from './requests.ts';

/** Codes that the API documents for 503. */
const NOT_NOW = new Set(['failing', 'starting', 'busy', 'access_damaged']);

/** These may lead to another route, which is judged by its effects. */
const MOVED = new Set(['odd addresses', 'odd methods', 'no HTTP']);

/** What is wrong with an answer: a sentence each. @param secrets Texts that nobody may see. */
export function wrongWith(
  person: Person,
  request: FuzzRequest,
  answer: RawAnswer,
  secrets: ReadonlySet<string>,
): readonly string[] {
  const { status, head, body, hangs } = answer;
  const where = `${person.name}: ${request.kind}, ${request.route}: `;
  const found: string[] = [];
  const say = (what: string): void => void found.push(`${where}${what} (${excerpt(request, answer)})`);
  for (const secret of secrets) if (head.includes(secret) || body.includes(secret)) say('the answer has a secret');
  if (hangs) say('no answer in time');
  else if (status === undefined) {
    if (!request.mayClose) say('no answer');
  } else {
    if (status >= 500 && !(status === 503 && NOT_NOW.has(codeOf(body)))) say(`status ${status}`);
    if (status >= 400 && !isHead(request) && !isDocumented(body)) say(`status ${status} in another form`);
    for (const what of escapes(person, request, status, body)) say(what);
    if (status === 200 && request.plain && !fitsSchema(request, body)) say('an answer that its schema does not allow');
  }
  return found;
}

/** What somebody got who may not have it. */
function* escapes(
  person: Person,
  { route, camera, plain, kind }: FuzzRequest,
  status: number,
  body: string,
): Generator<string> {
  if (status < 300 && person.cameras !== 'all' && body.includes(HIDDEN))
    yield 'it shows a camera that they may not see';
  if (MOVED.has(kind)) return;
  const refusal = refusalFor(person, route, camera);
  if (refusal === undefined) return;
  if (status < 400) yield `status ${status}, ${refusal} is right`;
  // Too long for the table: nobody was asked for.
  if (status === 414 || status === 431) return;
  // Of a request about a camera that does not exist for them something else may be wrong first.
  const mustBe = refusal === 404 ? kind === 'as its schema says' : plain;
  if (mustBe && status !== refusal) yield `status ${status}, ${refusal} is right`;
}

function isHead({ parts }: FuzzRequest): boolean {
  return parts[0]?.subarray(0, 4).toString('latin1') === 'HEAD';
}

function codeOf(body: string): string {
  return /"code":"(\w+)"/.exec(body)?.[1] ?? '';
}

function isDocumented(body: string): boolean {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return apiErrorSchema.safeParse({ error }).success;
  } catch {
    return false;
  }
}

function fitsSchema({ route }: FuzzRequest, body: string): boolean {
  const { answer }: ApiRoute = API[route];
  if (typeof answer === 'string') return true;
  return answer.safeParse(JSON.parse(Buffer.from(body, 'latin1').toString('utf8'))).success;
}

function excerpt({ parts }: FuzzRequest, { status, body }: RawAnswer): string {
  const [first = ''] = (parts[0] ?? Buffer.alloc(0)).subarray(0, 160).toString('latin1').split('\r\n');
  return `${JSON.stringify(first)} → ${status} ${JSON.stringify(body.slice(0, 160))}`;
}
