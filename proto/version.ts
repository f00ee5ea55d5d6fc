import { readFileSync } from 'node:fs';
import { parseJsonObject } from './parse-json.ts';

/** Version of Holdfast, which package.json alone names. The same for every program, package and image. */
export const VERSION = versionIn(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

function versionIn(text: string): string {
  const version = parseJsonObject(text)?.['version'];
  if (typeof version !== 'string') throw new Error('package.json names no version');
  return version;
}
