import test from 'ava';
import { errorOfRefusal, meshErrors, outcomeOfError } from './mesh-errors.ts';

test('every request of a body gets an error; unknown sessions get the same bytes whatever the reason', (t) => {
  const facts = {
    server: 's',
    replica: '1',
    attempts: 2,
    outcome: 'not_sent' as const,
    retrySafe: true,
    sessionRecovered: false,
  };
  t.deepEqual(
    meshErrors('noReplica', ['a', 2], facts).map(({ id, error }) => [id, error.code, error.data?.outcome]),
    [
      ['a', -31002, 'not_sent'],
      [2, -31002, 'not_sent'],
    ],
  );
  t.deepEqual(meshErrors('sessionNotFound', [1], facts), [
    { jsonrpc: '2.0', id: 1, error: { code: -32001, message: 'Session not found' } },
  ]);
  t.deepEqual(
    (['unknown', 'capability', 'no-replica', 'timeout', 'queue-full', 'failed', 'unauthorized', 'unsure'] as const).map(
      (reason) => errorOfRefusal(reason, 'recover'),
    ),
    [
      'sessionNotFound',
      'sessionNotFound',
      'noReplica',
      'recoveryFailed',
      'overload',
      'recoveryRefused',
      'recoveryRefused',
      'sessionUnsure',
    ],
  );
  t.deepEqual(
    (['sessionNotFound', 'replicaLost', 'deadline', 'recoveryFailed', 'badAnswer'] as const).map(outcomeOfError),
    ['lost_session', 'replica_fault', 'replica_fault', 'overload', 'replica_fault'],
  );
});
