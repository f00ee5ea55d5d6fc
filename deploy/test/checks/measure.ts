import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { importFindings } from './imports.ts';
import { readReport, root, runTool } from './run-tool.ts';
import { unusedFindings } from './unused.ts';

/**
 * `node deploy/setup/with-node.js deploy/test/checks/measure.ts`: the state of the code in figures, a row each.
 * With `--write` it puts them into the last column of the table in CONTRIBUTING.md, with the commit that was measured.
 */
const PRODUCT = /^(sidecar|control-plane|proto|envoy)\/.*(?<!\.test)\.ts$/;
const TESTING = /\/testing\//;

const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' });

const files = git('ls-files')
  .split('\n')
  .filter((path) => PRODUCT.test(path) && !TESTING.test(path));
const lines = files.map((path) => readFileSync(join(root, path), 'utf8').split('\n').length - 1).sort((a, b) => a - b);
const at = (share: number): number => lines[Math.floor(share * (lines.length - 1))] ?? 0;

/** How often one rule of Biome is broken in the product, with nothing exempted. */
async function broken(group: string, rule: string, setting: unknown): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-measure-'));
  try {
    const rules = { [group]: { [rule]: setting } };
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ linter: { rules: { preset: 'none', ...rules } } }));
    const args = ['lint', `--config-path=${folder}`, '--reporter=json', '--max-diagnostics=none', ...files];
    const { diagnostics } = readReport<{ diagnostics: Array<{ category: string }> }>(
      'Biome',
      await runTool('@biomejs/biome/bin/biome', args),
    );
    return diagnostics.filter(({ category }) => category.endsWith(rule)).length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const complexity = (maxAllowedComplexity: number) => ({ level: 'error', options: { maxAllowedComplexity } });
const rows: Array<[what: string, count: number]> = [
  ['files of the product (tests apart)', files.length],
  ['lines per file, median', at(0.5)],
  ['lines per file, 90th percentile', at(0.9)],
  ['lines of the longest file', at(1)],
  ['functions of complexity over 15', await broken('complexity', 'noExcessiveCognitiveComplexity', complexity(15))],
  ['functions of complexity over 20', await broken('complexity', 'noExcessiveCognitiveComplexity', complexity(20))],
  ['non-null assertions', await broken('style', 'noNonNullAssertion', 'error')],
  ['bare `void` of a value', await broken('complexity', 'noVoid', 'error')],
  ['exported and not used elsewhere', (await unusedFindings()).filter(({ rule }) => /exports|types/.test(rule)).length],
  ['imports in circles', (await importFindings()).filter(({ rule }) => rule === 'no-circular').length],
];
for (const [what, count] of rows) process.stdout.write(`| ${what} | ${count} |\n`);
/** The text with one part replaced, which must be there. */
function replaced(text: string, part: RegExp, by: string): string {
  if (!part.test(text)) throw new Error(`CONTRIBUTING.md has nothing like ${part}`);
  return text.replace(part, by);
}

if (process.argv.includes('--write')) {
  const page = join(root, 'CONTRIBUTING.md');
  const commit = git('log', '-1', '--format=%h %cs').trim();
  const [hash = '', date = ''] = commit.split(' ');
  const text = rows.reduce(
    (before, [what, count]) =>
      replaced(before, new RegExp(`^(\\| ${what.replaceAll(/[()]/g, '\\$&')} \\| [^|]* \\|).*$`, 'm'), `$1 ${count} |`),
    replaced(readFileSync(page, 'utf8'), /^Now is `[0-9a-f]+` of [0-9-]+/m, `Now is \`${hash}\` of ${date}`),
  );
  writeFileSync(page, text);
}
