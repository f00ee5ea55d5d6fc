import type { AttackCase } from '../attack-case.ts';
import { forgedPrincipal } from './forged-principal.ts';
import { httpSseWrites } from './http-sse-writes.ts';
import { oddUrls } from './odd-urls.ts';
import { oneRequest } from './one-request.ts';
import { unboundForm, unboundPlain } from './unbound-form.ts';

/** Every attack, in the order they run. */
export const CASES: readonly AttackCase[] = [
  ...oneRequest,
  ...oddUrls,
  ...forgedPrincipal,
  ...unboundForm,
  ...unboundPlain,
  ...httpSseWrites,
];
