import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../../mesh/node-program.ts';

/** Started by docker-compose.yml, and not by this test. */
const NOT_STARTED = /^grafana\//;
const OWN = /^holdfast\//;

/** Images of others that docker-compose.yml and the Dockerfile name, as they name them. */
export function neededImages(): string[] {
  const named = (file: string, line: RegExp): string[] =>
    [...readFileSync(join(REPOSITORY, file), 'utf8').matchAll(line)].flatMap(([, image]) => image ?? []);
  const all = [
    ...named('docker-compose.yml', /^\s*image: (\S+)$/gm),
    ...named('deploy/Dockerfile', /^FROM (\S+:\S+)/gm),
  ];
  return [...new Set(all)].filter((image) => !OWN.test(image) && !NOT_STARTED.test(image));
}
