// Project rules that no other tool checks. Each has been seen to fail.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { factProblems } from './check-facts.mjs';
import { shapeProblems } from './check-shape.mjs';
import { wordProblems } from './check-words.mjs';
import { root } from './lib.mjs';
import { projectFiles as files } from './source-code.mjs';

const problems = [...(await shapeProblems()), ...(await wordProblems()), ...(await factProblems())];

// Relative links in documents, and their anchors, have a target.
const anchors = new Map();
function anchorsOf(path) {
  if (!anchors.has(path)) {
    const headings = readFileSync(path, 'utf8')
      .replaceAll(/```[\s\S]*?```/g, '')
      .matchAll(/^#{1,6} (.+)$/gm);
    anchors.set(
      path,
      new Set(
        [...headings].map(([, h]) =>
          h
            .toLowerCase()
            .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
            .replaceAll(' ', '-'),
        ),
      ),
    );
  }
  return anchors.get(path);
}
for (const file of files('.md')) {
  const text = readFileSync(join(root, file), 'utf8')
    .replaceAll(/```[\s\S]*?```/g, '')
    .replaceAll(/`[^`\n]*`/g, '');
  for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/i.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const full = path === '' ? join(root, file) : join(root, dirname(file), path);
    if (!existsSync(full)) problems.push(`${file}: the link ${target} leads nowhere`);
    else if (anchor && full.endsWith('.md') && !anchorsOf(full).has(anchor))
      problems.push(`${file}: ${target}: there is no such heading`);
  }
}

// Every name that a door exports has a comment: other folders and packages see only those.
for (const file of files('.ts')) {
  if (!/^packages\/[^/]+\/src\/(?:.*\/)?index\.ts$/.test(file)) continue;
  const door = readFileSync(join(root, file), 'utf8');
  for (const [, names, from] of door.matchAll(/^export (?:type )?(?:\{([^}]*)\}|\*) from '(\.[^']+)';/gm)) {
    const target = join(dirname(file), from);
    const wanted = names?.split(',').map(
      (name) =>
        name
          .trim()
          .replace(/^type /, '')
          .split(' as ')[0],
    );
    for (const { name, line, commented } of exportsOf(target))
      if (!commented && (wanted === undefined || wanted.includes(name)))
        problems.push(`${target}:${line}: ${name} is exported by ${file} without a comment`);
  }
}

/** The names that a file declares and exports. */
function exportsOf(file) {
  if (!existsSync(join(root, file))) return [];
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((text, i) => {
    const name = /^export (?:abstract |async )*(?:function\*? |class |interface |type |const )(\w+)/.exec(text)?.[1];
    return name ? [{ name, line: i + 1, commented: /\*\/\s*$/.test(lines[i - 1] ?? '') }] : [];
  });
}

// Patterns that must not remain in the code.
const LEFT = [
  [/(?:^|[^.\w])(?:it|test|describe)\.(?:only|skip)\(/, 'a focused or skipped test'],
  [/@ts-(?:ignore|nocheck)/, 'an escape from the type system'],
  [/\b(?:TODO|FIXME|XXX)\b/, 'something unfinished'],
];
for (const file of [...files('.ts'), ...files('.mjs'), ...files('.py')]) {
  if (file === 'scripts/check-project.mjs') continue;
  readFileSync(join(root, file), 'utf8')
    .split('\n')
    .forEach((line, i) => {
      const code = line.replace(/^\s*(?:\/\/|\*|\/\*\*).*/, '');
      for (const [pattern, what] of LEFT)
        if (pattern.test(what === 'something unfinished' ? line : code)) problems.push(`${file}:${i + 1}: ${what}`);
    });
}

// Generated files are up to date.
const docs = spawnSync(process.execPath, ['scripts/docs.mjs', '--check'], { cwd: root, encoding: 'utf8' });
if (docs.status !== 0) problems.push(docs.stderr.trim());

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);
