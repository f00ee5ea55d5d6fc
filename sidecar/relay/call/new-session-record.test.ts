import test from 'ava';
import { newSessionRecord, initializedRecord } from './new-session-record.ts';

test('a session’s record is made of the first answer to initialize, and of nothing that is none', (t) => {
  const begun = {
    replica: {
      server: 's',
      replica: 'r',
      backend: 'canary',
      slot: '4',
      address: '',
      state: 'active' as const,
      isSteady: true,
      weight: 1,
    },
    upstreamId: 'up',
    owner: { principal: null, credentials: null },
    initializeParams: { a: 1 },
    nowMs: 5,
  };
  const { clientId, record } = newSessionRecord(begun);
  t.is(clientId, '4~up');
  t.regex(
    newSessionRecord({ ...begun, owner: { principal: 'ab'.repeat(32), credentials: null } }).clientId,
    /^4p~(?!up$)/,
    'a bound id tells nobody the replica’s own',
  );
  t.like(initializedRecord(record, { protocolVersion: '2025-11-25', capabilities: { tools: {} } }), {
    slot: '4',
    backend: 'canary',
    upstreamId: 'up',
    epoch: 0,
    capabilities: { tools: {} },
    initializeParams: { a: 1 },
    userId: 'anonymous',
  });
  for (const result of [undefined, null, {}, { protocolVersion: 5 }]) t.is(initializedRecord(record, result), null);
});
