import { RECORD_VERSION, sessionDigest, type SessionRecord } from '../../../proto/session-record.ts';

/** For tests: a record as `initialize` makes it, with what matters to the test changed. */
export function sampleRecord(changes: Partial<SessionRecord> & { clientId?: string } = {}): SessionRecord {
  const { clientId = '1~upstream-1', ...rest } = changes;
  return {
    version: RECORD_VERSION,
    server: 'linear',
    type: 'http',
    digest: sessionDigest(clientId),
    principal: null,
    userId: 'anonymous',
    initializeParams: {
      protocolVersion: '2025-11-25',
      capabilities: { sampling: {} },
      clientInfo: { name: 'test', version: '1' },
    },
    protocolVersion: '2025-11-25',
    capabilities: { tools: { listChanged: true } },
    logLevel: null,
    subscriptions: [],
    hasGetStream: false,
    backend: 'stable',
    slot: '1',
    upstreamId: clientId.slice(clientId.indexOf('~') + 1),
    epoch: 0,
    createdAtMs: 1000,
    lastActivityMs: 1000,
    isTombstone: false,
    ...rest,
  };
}
