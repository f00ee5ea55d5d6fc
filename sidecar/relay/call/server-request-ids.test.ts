import test from 'ava';
import fc from 'fast-check';
import { stampServerMessage, unstampAnswers } from './server-request-ids.ts';

const id = fc.oneof(fc.integer(), fc.string());

test('an id that was stamped in an epoch comes back the same, with its type, in that epoch and in no other', (t) => {
  fc.assert(
    fc.property(id, fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }), (own, epoch, later) => {
      const stamped = JSON.parse(
        stampServerMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: own, method: 'roots/list' })), epoch)!,
      ) as { id: string };
      t.not(stamped.id, own as string);
      const answer = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: stamped.id, result: {} })),
        unstamped = unstampAnswers(answer, later);
      if (later === epoch) t.deepEqual(JSON.parse(unstamped!.toString()), { jsonrpc: '2.0', id: own, result: {} });
      else t.is(unstamped, null);
    }),
  );
});

test('an answer without a stamp is one to a dead upstream session', (t) => {
  fc.assert(
    fc.property(id, (own) => {
      t.is(unstampAnswers(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: own, result: {} })), 1), null);
    }),
  );
  t.is(unstampAnswers(Buffer.from('{"jsonrpc":"2.0","id":"holdfast:1:not json","result":{}}'), 1), null);
});

test('of a batch the dead answers are left out and requests pass', (t) => {
  const stamped = JSON.parse(stampServerMessage(Buffer.from('{"id":0,"method":"roots/list"}'), 2)!) as { id: string };
  const body = unstampAnswers(
    Buffer.from(
      JSON.stringify([
        { id: 0, result: {} },
        { id: stamped.id, result: {} },
        { id: 5, method: 'ping' },
      ]),
    ),
    2,
  )!;
  t.deepEqual(JSON.parse(body.toString()), [
    { id: 0, result: {} },
    { id: 5, method: 'ping' },
  ]);
});

test('the server’s cancellation of its own request is stamped too, other messages stay', (t) => {
  t.regex(
    stampServerMessage(Buffer.from('{"method":"notifications/cancelled","params":{"requestId":0}}'), 3)!,
    /"requestId":"holdfast:3:0"/,
  );
  t.is(stampServerMessage(Buffer.from('{"method":"notifications/message","params":{}}'), 3), undefined);
  t.is(stampServerMessage(Buffer.from('{"id":1,"result":{}}'), 3), undefined);
});
