import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Finding } from './finding.ts';
import { importFindings } from './imports.ts';
import { lintFindings } from './lint.ts';
import { isProse, proseFindings } from './prose.ts';
import { ratchetProblems, type Ratchet } from './ratchet.ts';
import { root } from './run-tool.ts';
import { typeFindings } from './types.ts';
import { unusedFindings } from './unused.ts';

export interface Check {
  title: string;
  /** Every break of the check's rules, those that the ratchet allows among them. */
  find(): Promise<Finding[]>;
  /** Whether a rule of the ratchet belongs to this check. */
  owns(rule: string): boolean;
}

const isUnused = (rule: string): boolean => rule.startsWith('unused/');
const isImport = (rule: string): boolean => rule === 'no-circular';

/** What is checked without running the product. */
export const checks: readonly Check[] = [
  { title: 'types are right (tsc --noEmit)', find: typeFindings, owns: (rule) => rule === 'types' },
  {
    title: 'format and lint are right (biome check)',
    find: lintFindings,
    owns: (rule) => !isUnused(rule) && !isImport(rule) && !isProse(rule) && rule !== 'types',
  },
  { title: 'nothing is unused (knip)', find: unusedFindings, owns: isUnused },
  { title: 'imports keep the layers (dependency-cruiser)', find: importFindings, owns: isImport },
  { title: 'sentences are short (CONTRIBUTING.md)', find: proseFindings, owns: isProse },
];

export const ratchetFile = resolve(import.meta.dirname, 'ratchet.json');
export const readRatchet = (): Ratchet => JSON.parse(readFileSync(ratchetFile, 'utf8')) as Ratchet;

/** Whether a place lies in a file that differs from main's; false everywhere in a checkout without git. */
function changedHere(): (place: string) => boolean {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const files = new Set(git('diff', '--name-only', git('merge-base', 'HEAD', 'main').trim()).split('\n'));
    return (place) => files.has(place.replace(/:\d+$/, ''));
  } catch {
    return () => false;
  }
}

/** Lines that say what is wrong; empty when nothing is. A tool that can't run is a problem, too. */
export async function problemsOf(check: Check): Promise<string[]> {
  try {
    return ratchetProblems(await check.find(), readRatchet(), changedHere());
  } catch (error) {
    return [(error as Error).message];
  }
}
