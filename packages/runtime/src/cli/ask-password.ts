import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UsageError } from '@vigia/base';
import { passwordSchema } from '@vigia/contracts/api';

/** Longest line that is read from a pipe, characters. */
const LINE_LIMIT = 1_024;

/**
 * A new password: asked for twice on a terminal, without showing it; else the first line of stdin.
 *
 * @throws UsageError for one that is too short or too long, or two that differ.
 */
export async function askPassword(user: string): Promise<string> {
  if (!process.stdin.isTTY) return checkedPassword(await firstLine());
  const password = checkedPassword(await hidden(`Password of ${user}: `));
  if ((await hidden('Again: ')) !== password) throw new UsageError('the two passwords differ; nothing was changed');
  return password;
}

function checkedPassword(password: string): string {
  const checked = passwordSchema.safeParse(password);
  if (checked.success) return checked.data;
  throw new UsageError(checked.error.issues[0]?.message ?? 'the password is not allowed');
}

async function firstLine(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += String(chunk);
    if (text.includes('\n') || text.length > LINE_LIMIT) break;
  }
  return text.split('\n', 1)[0]?.replace(/\r$/, '') ?? '';
}

/** Reads a line that the terminal does not show. */
function hidden(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    let answered = false;
    lines.once('line', (line) => {
      answered = true;
      lines.close();
      resolve(line);
    });
    lines.once('close', () => {
      process.stderr.write('\n');
      if (!answered) reject(new UsageError('no password was given; nothing was changed'));
    });
  });
}
