import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { testWith } from '../test-with.ts';
import { findActionlint, findHadolint, findShellcheck, type Linter } from './linters.ts';
import { root } from './run-tool.ts';

/** What people run and nobody compiles: GitHub's workflows, the Dockerfile, shell scripts. Each has the linter of its kind. */
const WORKFLOWS = '.github/workflows';
const workflow = readFileSync(`${root}/${WORKFLOWS}/test.yml`, 'utf8');
/** The workflow itself runs the same linter. */
const module = /go run (\S*actionlint\S*@v[\d.]+)/.exec(workflow)?.[1] ?? '';

const scripts = filesOf(/\.sh$/);
const dockerfiles = filesOf(/(^|\/)Dockerfile$/);
const [actionlint, hadolint, shellcheck] = await Promise.all([
  findActionlint(module),
  findHadolint(),
  findShellcheck(),
]);

function filesOf(pattern: RegExp): string[] {
  try {
    const listed = execFileSync('git', ['ls-files'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return listed.split('\n').filter((path) => pattern.test(path));
  } catch {
    return [];
  }
}
const need = (linter: Linter): string => ('missing' in linter ? linter.missing : '');
const path = (linter: Linter): string => ('path' in linter ? linter.path : '');
/** What a linter says of files, or of a text; empty when nothing is wrong. */
function said(linter: Linter, args: readonly string[], input = ''): string {
  const { stdout, stderr, error } = spawnSync(path(linter), args, { cwd: root, encoding: 'utf8', input });
  return error ? String(error) : `${stdout}${stderr}`;
}

testWith(need(actionlint), 'path' in actionlint, 'GitHub’s workflows have no fault that actionlint finds', (t) => {
  const shell = `-shellcheck=${path(shellcheck)}`;
  t.is(said(actionlint, ['-no-color', '-pyflakes=', shell]), '');
  const wrong = 'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    needs: b\n    steps: [{ run: "true" }]\n';
  t.regex(said(actionlint, ['-no-color', '-pyflakes=', shell, '-'], wrong), /needs job "b"/);
});

testWith(need(hadolint), 'path' in hadolint, 'the Dockerfile has no fault that hadolint finds', (t) => {
  t.deepEqual(
    dockerfiles.map((file) => said(hadolint, ['--no-color', file])),
    dockerfiles.map(() => ''),
  );
  t.regex(said(hadolint, ['--no-color', '-'], 'FROM node:latest\nENTRYPOINT node x\n'), /DL3007[\s\S]*DL3025/);
});

testWith(need(shellcheck), 'path' in shellcheck, 'shell scripts have no fault that shellcheck finds', (t) => {
  t.is(said(shellcheck, ['--severity=style', ...scripts]), '');
  t.regex(said(shellcheck, ['-'], '#!/bin/sh\nrm $1\n'), /SC2086/);
});

test('the linters have something to read', (t) => {
  t.regex(module, /@v/);
});
