import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commentsOf } from './comments-of.ts';
import type { Finding } from './finding.ts';
import { longSentences, MAX_WORDS } from './long-sentences.ts';
import { root } from './run-tool.ts';

const RULE = 'long-sentence';
const PAGES = /\.md$/;
const SOURCES = /\.ts$/;
/** A changeset is one line of CHANGELOG.md, which tells a release and no design. */
const LEFT_OUT = /^(\.changeset\/|CHANGELOG\.md$)/;

/** Files of the repository, with those that are not committed yet; none in a copy without git. */
function files(): string[] {
  try {
    const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
    const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return listed.split('\n').filter((path) => path !== '' && !LEFT_OUT.test(path) && existsSync(join(root, path)));
  } catch {
    return [];
  }
}

/** Sentences of pages and comments that are too long to be read once (CONTRIBUTING.md). */
export const proseFindings = async (): Promise<Finding[]> =>
  files().flatMap((path) => {
    if (!PAGES.test(path) && !SOURCES.test(path)) return [];
    const text = readFileSync(join(root, path), 'utf8');
    return longSentences(SOURCES.test(path) ? commentsOf(text) : text).map(({ line, words, text: sentence }) => ({
      rule: RULE,
      place: `${path}:${line}`,
      message: `${words} words, at most ${MAX_WORDS}: ${sentence}`,
    }));
  });

export const isProse = (rule: string): boolean => rule === RULE;
