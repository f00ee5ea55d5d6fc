import test from 'ava';
import fc from 'fast-check';
import { sampleRecord } from '../session/testing/sample-record.ts';
import { catchUpNotifications, judgeInitialize, movedRecord, planRecovery } from './recovery-plan.ts';

test('a session is rebuilt in order: initialize with its own params, initialized, level, subscriptions', (t) => {
  const record = sampleRecord({ logLevel: 'debug', subscriptions: ['a://1', 'a://2'] }),
    steps = planRecovery(record);
  t.deepEqual(
    steps.map((step) => step.message.method),
    ['initialize', 'notifications/initialized', 'logging/setLevel', 'resources/subscribe', 'resources/subscribe'],
  );
  t.is(steps[0]!.message.params, record.initializeParams);
  t.deepEqual(steps[4]!.message.params, { uri: 'a://2' });
  t.is(new Set(steps.map((step) => step.message.id)).size, steps.length);
});

test('of many subscriptions the latest are put back, as many as a replica can be asked for', (t) => {
  const subscriptions = Array.from({ length: 1000 }, (_, index) => `a://${index}`);
  const uris = planRecovery(sampleRecord({ subscriptions }))
    .filter(({ kind }) => kind === 'subscribe')
    .map(({ message }) => (message.params as { uri: string }).uri);
  t.deepEqual(uris, subscriptions.slice(900));
});

test('a session without level and subscriptions needs two messages', (t) => {
  t.is(planRecovery(sampleRecord()).length, 2);
});

test('another protocol version is refused', (t) => {
  const verdict = judgeInitialize(sampleRecord(), {
    protocolVersion: '2025-06-18',
    capabilities: { tools: { listChanged: true } },
  });
  t.like(verdict, { kind: 'differs', what: 'version' });
});

test('more capabilities are fine, a missing one is named', (t) => {
  const record = sampleRecord({
    capabilities: { tools: { listChanged: true }, logging: {}, prompts: { listChanged: false } },
  });
  t.is(
    judgeInitialize(record, {
      protocolVersion: record.protocolVersion,
      capabilities: { tools: { listChanged: true, x: 1 }, logging: {}, prompts: {}, resources: {} },
    }).kind,
    'same',
  );
  t.like(
    judgeInitialize(record, {
      protocolVersion: record.protocolVersion,
      capabilities: { tools: {}, logging: {}, prompts: {} },
    }),
    { what: 'capability', missing: ['tools.listChanged'] },
  );
  t.like(judgeInitialize(record, { protocolVersion: record.protocolVersion }), {
    missing: ['tools', 'logging', 'prompts'],
  });
});

test('what a replica offers is always enough for itself', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (capabilities) => {
      t.is(
        judgeInitialize(
          { protocolVersion: '2025-11-25', capabilities },
          { protocolVersion: '2025-11-25', capabilities },
        ).kind,
        'same',
      );
    }),
  );
});

test('a move changes where the session is and nothing that the client was promised', (t) => {
  const record = sampleRecord({ epoch: 4 }),
    moved = movedRecord(record, { slot: '9', backend: 'canary', upstreamId: 'new' }, 77);
  t.deepEqual(moved, { ...record, slot: '9', backend: 'canary', upstreamId: 'new', epoch: 5, lastActivityMs: 77 });
});

test('after a move the client hears of whatever may have changed, and of nothing that the server never promised', (t) => {
  const record = sampleRecord({
    capabilities: { tools: { listChanged: true }, prompts: {}, resources: { listChanged: true, subscribe: true } },
    subscriptions: ['a://1'],
  });
  t.deepEqual(
    catchUpNotifications(record).map(({ method, params }) => [method, params]),
    [
      ['notifications/tools/list_changed', undefined],
      ['notifications/resources/list_changed', undefined],
      ['notifications/resources/updated', { uri: 'a://1' }],
    ],
  );
});
