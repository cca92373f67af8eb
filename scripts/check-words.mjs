// Checks the words of documents and comments, and the length of README.md.
// `node scripts/check-words.mjs` prints findings, one sentence each.
import { fileURLToPath } from 'node:url';
import { projectFiles, pythonFacts, scriptComments, textOf } from './source-code.mjs';

const README_WORDS = 700;

/** Expressions to avoid, and their replacement. Case is ignored; a line break counts as a space. */
const AVOIDED = [
  ['told|tells|telling', 'say what happens: reports, logs, returns, publishes, sends, shows, receives'],
  ['whoever', 'name it: the caller, the consumer, the operator, any process that'],
  ['whatever', 'name the thing, or write “any” or “regardless of”'],
  ['what is (?:not )?there', 'name the thing: the existing files, the waiting bytes'],
  ['what comes (?:then|next|after)', 'name it: the next segment, the next frame'],
  ['is what it is', 'say what it is'],
  ['as far as its absence', 'only the fallback is tested; no such hardware was available'],
  ['(?:nobody|no one) is to blame', 'name the cause: the part of the wait spent suspended'],
  ['looks? at \\*now\\*', 'analyses the newest frame'],
  ["nice's|to bear", 'say which mechanism limits it'],
  ['so to speak|as it were', 'leave it out'],
  ["somebody else's?|of somebody's", 'external, third-party, another user'],
  ["(?:of )?one's own", 'your own, custom'],
  ['as it stands', 'unchanged'],
  ['anew', 'again'],
  ['lest', 'so that … not'],
  ['goodbye', 'TEARDOWN, the closing message'],
  ['says nothing|say nothing|has nothing to say', 'is silent, sends nothing, is empty'],
  ['how (?:it|one) feels', 'its state of health'],
  ['in no hurry', 'say which limit does not apply'],
  ['words (?:is|are|stand) above', 'see the output above'],
].map(([words, advice]) => [
  new RegExp(`(?<![\\w-])(?:${words.replaceAll(' ', '\\s+(?:\\*\\s+)?')})(?![\\w-])`, 'gi'),
  advice,
]);

/** All findings, one sentence each. */
export async function wordProblems() {
  const findings = await allFindings();
  return findings.map(sentence);
}

function sentence({ file, line, found, advice }) {
  return `${file}:${line}: “${found}”: ${advice}`;
}

async function allFindings() {
  const texts = [...documents(), ...comments(), ...(await pythonComments())];
  return texts.flatMap(findingsIn).concat(readmeLength());
}

function documents() {
  return projectFiles('.md').map((file) => ({ file, line: 1, text: withoutCode(textOf(file)) }));
}

/** Blanks out code blocks and inline code; line numbers stay valid. */
function withoutCode(text) {
  return text.replaceAll(/^```[\s\S]*?^```|`[^`\n]*`/gm, (code) => code.replaceAll(/[^\n]/g, ' '));
}

function comments() {
  return projectFiles('.ts', '.mjs').flatMap((file) => paragraphs(file, scriptComments(file)));
}

async function pythonComments() {
  const facts = Object.entries(await pythonFacts(projectFiles('.py')));
  return facts.flatMap(([file, { comments: found }]) => paragraphs(file, found));
}

/** Comments on successive lines form one text. */
function paragraphs(file, found) {
  const joined = [];
  for (const { line, text } of found) {
    const last = joined.at(-1);
    if (last && last.line + last.text.split('\n').length === line) last.text += `\n${text}`;
    else joined.push({ line, text });
  }
  return joined.map(({ line, text }) => ({ file, line, text: withoutCode(text) }));
}

function findingsIn({ file, line, text }) {
  return AVOIDED.flatMap(([pattern, advice]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => ({
      file,
      line: line + text.slice(0, index).split('\n').length - 1,
      found: found.replaceAll(/\s+\*?\s*/g, ' '),
      advice,
    })),
  );
}

function readmeLength() {
  const words = textOf('README.md').match(/\S*[\p{L}\p{N}]\S*/gu)?.length ?? 0;
  if (words <= README_WORDS) return [];
  return [{ file: 'README.md', line: 1, found: `${words} words`, advice: `${README_WORDS} are allowed` }];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = await wordProblems();
  for (const line of lines) process.stdout.write(`${line}\n`);
  process.exitCode = lines.length === 0 ? 0 : 1;
}
