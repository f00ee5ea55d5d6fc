import { readFileSync } from 'node:fs';

/** Version of Holdfast, which package.json alone names. The same for every program, package and image. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version;
