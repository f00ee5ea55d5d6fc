import { readFileSync } from 'node:fs';

/** Text of bootstrap.yaml. */
export const readBootstrapTemplate = (): string => readFileSync(new URL('bootstrap.yaml', import.meta.url), 'utf8');
