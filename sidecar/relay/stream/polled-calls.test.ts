import test from 'ava';
import { rawJson } from '../../../proto/raw-json.ts';
import { sampleRecord } from '../../session/testing/sample-record.ts';
import { forgetPolled, lostPolled, rememberPolled, type OfSession } from './polled-calls.ts';

function setup() {
  let record = sampleRecord();
  const session: OfSession = {
    server: 'linear',
    digest: 'd',
    directory: {
      amend: async (_server, _digest, change) => {
        record = change(record);
        return true;
      },
    },
  };
  return { session, record: () => record };
}

test('calls that wait to be resumed are lost with their upstream session, and come back with the very ids', async (t) => {
  const { session, record } = setup();
  await rememberPolled(session, 'e1', 'a/1', ['x', rawJson('9007199254740993')]);
  t.deepEqual(lostPolled(record(), 'e1', 'a/1'), []);
  t.deepEqual(lostPolled(record(), 'e2', 'b/1'), []);
  t.is(JSON.stringify(lostPolled(record(), 'e1', 'b/1')), '["x",9007199254740993]');
  await forgetPolled(session, 'e1');
  t.deepEqual(lostPolled(record(), 'e1', 'b/1'), []);
});

test('of one session so many are remembered, and none with an id that is too long', async (t) => {
  const { session, record } = setup();
  for (let i = 0; i < 20; i++) await rememberPolled(session, `e${i}`, 'a/1', [i]);
  await rememberPolled(session, 'x'.repeat(1000), 'a/1', [99]);
  t.is(record().polled?.length, 16);
  t.deepEqual(lostPolled(record(), 'e3', 'b/1'), []);
  t.is(lostPolled(record(), 'e19', 'b/1').length, 1);
});
