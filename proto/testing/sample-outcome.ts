import type { Outcome } from '../outcome.ts';

/** For tests: a tool call that the relay carried and that succeeded, with what matters to the test changed. */
export const sampleOutcome = (changes: Partial<Outcome> = {}): Outcome => ({
  kind: 'success',
  server: 'linear',
  slot: '1',
  backend: 'stable',
  method: 'tools/call',
  tool: 'echo',
  status: 200,
  errorCode: null,
  durationMs: 1,
  startedAtMs: 0,
  source: 'relay',
  mode: 'relay',
  session: null,
  traceId: null,
  ...changes,
});
