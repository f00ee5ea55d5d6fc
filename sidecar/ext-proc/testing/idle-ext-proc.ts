import { UNLIMITED } from '../../budget/new-sessions.ts';
import { sampleIdentities } from '../../principal/testing/sample-identities.ts';
import { Arrivals } from '../arrivals.ts';
import type { ExtProcOptions } from '../start-ext-proc.ts';

/** For tests: options of ext_proc that knows no server of the mesh, so that each question has an answer at once. */
export const idleExtProc = (): Omit<ExtProcOptions, 'addresses' | 'accessLogs' | 'onError'> => ({
  server: () => undefined,
  directory: {} as never,
  relay: '127.0.0.1:1',
  identities: sampleIdentities(),
  arrivals: new Arrivals(),
  sessions: UNLIMITED,
  refused: () => undefined,
  now: Date.now,
  random: Math.random,
  metrics: { extProc: () => undefined, extProcStreams: () => undefined },
  gate: () => ({ kind: 'admit', permit: null }),
  release: () => undefined,
  onCreated: () => undefined,
});
