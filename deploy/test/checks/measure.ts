import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { importFindings } from './imports.ts';
import { readReport, root, runTool } from './run-tool.ts';
import { unusedFindings } from './unused.ts';

/** `node deploy/setup/with-node.js deploy/test/checks/measure.ts`: the state of the code in figures, a row each. */
const PRODUCT = /^(sidecar|control-plane|proto|envoy)\/.*(?<!\.test)\.ts$/;

const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => PRODUCT.test(path));
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

const complexity = { level: 'error', options: { maxAllowedComplexity: 15 } };
const rows: Array<[what: string, count: number]> = [
  ['files of the product (tests apart)', files.length],
  ['lines per file, median', at(0.5)],
  ['lines per file, 90th percentile', at(0.9)],
  ['lines of the longest file', at(1)],
  ['functions of complexity over 15', await broken('complexity', 'noExcessiveCognitiveComplexity', complexity)],
  ['non-null assertions', await broken('style', 'noNonNullAssertion', 'error')],
  ['bare `void` of a value', await broken('complexity', 'noVoid', 'error')],
  ['exported and not used elsewhere', (await unusedFindings()).filter(({ rule }) => /exports|types/.test(rule)).length],
  ['imports in circles', (await importFindings()).filter(({ rule }) => rule === 'no-circular').length],
];
for (const [what, count] of rows) process.stdout.write(`| ${what} | ${count} |\n`);
