import { EventEmitter } from 'node:events';
import test from 'ava';
import { FirstAnswer } from './first-answer.ts';

class FakeClient extends EventEmitter {
  status = 'connecting' as const;
  answer: () => Promise<'PONG'> = () => Promise.resolve('PONG');
  ping(): Promise<'PONG'> {
    return this.answer();
  }
}
function follow(): { client: FakeClient; first: FirstAnswer; warned: unknown[] } {
  const client = new FakeClient(),
    warned: unknown[] = [];
  const log = { warn: (line: unknown) => warned.push(line), info: () => {} };
  return { client, warned, first: new FirstAnswer(client as never, log as never) };
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('until Redis answers once, the problem has its cause, and the log has each cause once', (t) => {
  const { client, first, warned } = follow();
  t.regex(first.problem ?? '', /never reached: it has not answered yet/);
  const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND holdfast-redis'), { code: 'ENOTFOUND' });
  for (let attempt = 0; attempt < 5; attempt++) client.emit('error', notFound);
  client.emit('error', new Error('self-signed certificate in certificate chain'));
  t.deepEqual(warned, [
    { cause: 'getaddrinfo ENOTFOUND holdfast-redis' },
    { cause: 'self-signed certificate in certificate chain' },
  ]);
  t.is(first.problem, 'Redis (SESSION_STORE_URL) was never reached: self-signed certificate in certificate chain');
  // Two addresses that both refuse come as one error without a message.
  client.emit('error', Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }));
  t.regex(first.problem ?? '', /ECONNREFUSED$/);
});

test('a connection alone is no answer: a wrong password connects, too', async (t) => {
  const { client, first } = follow();
  client.answer = () => Promise.reject(new Error('NOAUTH Authentication required.'));
  client.emit('ready');
  await settled();
  t.regex(first.problem ?? '', /NOAUTH/);
  client.answer = () => Promise.resolve('PONG');
  client.emit('ready');
  await settled();
  t.is(first.problem, null);
});

test('after the first answer Redis may go away without a word here', async (t) => {
  const { client, first, warned } = follow();
  client.emit('ready');
  await settled();
  client.emit('error', new Error('connect ECONNREFUSED'));
  t.is(first.problem, null);
  t.deepEqual(warned, []);
});
