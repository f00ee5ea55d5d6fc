import test from 'ava';
import { messagesOf, readRpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import { Deadline } from './deadline.ts';
import { PendingServerRequests } from './pending-server-requests.ts';
import { stampServerMessage } from './server-request-ids.ts';

const message = (value: object | string): RpcMessage => {
  const [first] = messagesOf(readRpcBody(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))));
  if (!first) throw new Error('no message');
  return first;
};
const asks = (id: unknown): object => ({ jsonrpc: '2.0', id, method: 'elicitation/create', params: {} });
const answers = (id: unknown): object => ({ jsonrpc: '2.0', id, result: {} });

test('a session waits from the server’s request to the client’s answer, whether result or error', (t) => {
  const pending = new PendingServerRequests(() => 0);
  t.false(pending.isWaiting('s'));
  pending.sentToClient('s', message(asks(0)));
  pending.sentToClient('s', message(asks('0')));
  t.true(pending.isWaiting('s'));
  t.false(pending.isWaiting('other'));
  pending.sentByClient('s', message(answers(0)));
  t.true(pending.isWaiting('s'), 'an id that is a number is not the text');
  pending.sentByClient('s', message({ jsonrpc: '2.0', id: '0', error: { code: -1, message: 'declined' } }));
  t.false(pending.isWaiting('s'));
});

test('what is no request of the server does not make anybody wait', (t) => {
  const pending = new PendingServerRequests(() => 0);
  for (const other of [{ jsonrpc: '2.0', method: 'notifications/progress' }, answers(1), { id: null, method: 'x' }])
    pending.sentToClient('s', message(other));
  pending.sentByClient('s', message(asks(1)));
  t.false(pending.isWaiting('s'));
});

test('a request that the server takes back is waited for no longer', (t) => {
  const pending = new PendingServerRequests(() => 0);
  pending.sentToClient('s', message(asks('a')));
  pending.sentToClient(
    's',
    message({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a', reason: 'no more' } }),
  );
  t.false(pending.isWaiting('s'));
});

test('the stamp that an id carries in a moved session does not hide whose answer it is', (t) => {
  const pending = new PendingServerRequests(() => 0);
  for (const id of [7, 'seven', 'a"quoted\\one']) {
    const stamped = stampServerMessage(Buffer.from(JSON.stringify(asks(id))), 3);
    if (stamped === undefined) throw new Error('not stamped');
    pending.sentToClient('s', message(asks(id)));
    pending.sentByClient('s', message(answers(message(stamped).id)));
    t.false(pending.isWaiting('s'), String(id));
  }
});

test('what is kept is bounded in number and in time', (t) => {
  let nowMs = 0;
  const pending = new PendingServerRequests(() => nowMs);
  for (let id = 0; id < 1000; id++) pending.sentToClient('s', message(asks(id)));
  for (let id = 0; id < 64; id++) pending.sentByClient('s', message(answers(id)));
  t.false(pending.isWaiting('s'), 'those beyond the limit are not remembered');
  pending.sentToClient('s', message(asks(1)));
  nowMs = 3_599_999;
  t.true(pending.isWaiting('s'));
  nowMs = 3_600_000;
  t.false(pending.isWaiting('s'));
  pending.sentToClient('s', message(asks(2)));
  pending.forget('s');
  t.false(pending.isWaiting('s'));
});

test('a deadline stands still while its call waits for the client, and begins anew when that is over', async (t) => {
  let nowMs = 0,
    isWaiting = true,
    standstills = 0;
  const expiredMs = await new Promise<number>((resolve) => {
    const deadline = new Deadline(
      10,
      () => nowMs,
      () => resolve(nowMs),
      () => {
        if (isWaiting) standstills += 1;
        return isWaiting;
      },
    );
    deadline.start();
    const clock = setInterval(() => {
      nowMs += 10;
      if (standstills > 2) isWaiting = false;
      if (nowMs > 10_000) clearInterval(clock);
    }, 1);
    t.teardown(() => clearInterval(clock));
  });
  t.is(standstills, 3);
  t.true(expiredMs >= 40);
});
