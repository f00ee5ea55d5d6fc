import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, json, sse, type FakeRequest } from '../testing/fake-replica.ts';
import type { RelayRig } from '../testing/relay-rig.ts';
import { answer, progress, RESULT, setup, token } from '../testing/resume-rig.ts';

test('a call goes on with its client’s next connection: what it missed, and the answer, once', async (t) => {
  const { begin, lost, resume, gateways } = await setup(t);
  const session = await begin();
  const { eventId, request } = await lost(session);
  let written = 0;
  const write = (): boolean => {
    request.response.write(progress);
    written += 1;
    return written > 20;
  };
  await waitFor(write, { what: 'events for a client that is away' });
  const reading = resume(session, eventId);
  await waitFor(() => reading.text.includes('on its way'), { what: 'what was missed' });
  request.response.end(answer(request.message.id));
  await waitFor(() => reading.isOver, { what: 'the end' });
  t.is(reading.text.split('"text":"done"').length, 2);
  t.is(await gateways[0].metric('holdfast_calls_resumed_total'), 1);
});

test('an answer that comes while its client is away waits for it', async (t) => {
  const { begin, lost, resume, gateways } = await setup(t);
  const session = await begin();
  const { eventId, request } = await lost(session);
  request.response.end(answer(request.message.id));
  await waitFor(() => gateways[0].outcomes.some(({ tool, kind }) => tool === 'write' && kind === 'success'), {
    what: 'the answer at the relay',
  });
  const reading = resume(session, eventId);
  await waitFor(() => reading.isOver, { what: 'the end' });
  t.regex(reading.text, /"text":"done"/);
  const again = resume(session, eventId);
  await waitFor(() => again.isOver, { what: 'the end of another one' });
  t.regex(again.text, /"id":7,"error":.*-31001.*"outcome":"sent_no_response"/, 'it was given once');
});

test('at any gateway: a living one gives what it has, and for one that is gone the error comes at once', async (t) => {
  const { begin, lost, resume, gateways, fleet } = await setup(t);
  fleet.relays = gateways.map(({ port }) => `127.0.0.1:${port}`);
  const session = await begin();
  const one = await lost(session);
  const reading = resume(session, one.eventId, gateways[1]);
  await waitFor(() => reading.status === 200, { what: 'the stream through the other gateway' });
  one.request.response.end(answer(one.request.message.id));
  await waitFor(() => reading.isOver, { what: 'the end' });
  t.regex(reading.text, /"text":"done"/);
  t.notRegex(reading.text, /"error"/);

  const two = await lost(session);
  await gateways[0].close();
  const orphan = resume(session, two.eventId, gateways[1]);
  await waitFor(() => orphan.isOver, { what: 'the error' });
  t.is(orphan.status, 200);
  t.regex(orphan.text, /"id":7,"error":.*-31001.*"retrySafe":false/);
});

test('for a holder that is mute the error comes sooner where an edge has asked another gateway before', async (t) => {
  const { begin, lost, resume, gateways, fleet } = await setup(t);
  fleet.relays = gateways.map(({ port }) => `127.0.0.1:${port}`);
  const session = await begin();
  const { eventId } = await lost(session);
  const { port } = gateways[0];
  await gateways[0].close();
  const mute = createServer(() => undefined).listen(port, '127.0.0.1');
  t.teardown(() => mute.close());
  await once(mute, 'listening');
  const first = resume(session, eventId, gateways[1]);
  const second = resume({ ...session, 'x-holdfast-sent': '2710' }, eventId, gateways[1]);
  await waitFor(() => first.isOver && second.isOver, { what: 'both errors' });
  for (const { text } of [first, second]) t.regex(text, /"id":7,"error":.*-31001/);
  t.true(second.overAtMs < first.overAtMs);
});

test('a call that is safe to repeat begins again where its gateway is gone, and for another one the error comes once more', async (t) => {
  const { begin, lost, resume, gateways, fleet, calls } = await setup(t, undefined, { retrySafeTools: ['write'] });
  fleet.relays = gateways.map(({ port }) => `127.0.0.1:${port}`);
  const third = await fleet.gateway('gateway-3');
  t.teardown(() => third.close());
  const through = ({ port }: RelayRig) => calls.find(({ headers }) => headers.host === `127.0.0.1:${port}`);
  const session = await begin();
  const { eventId } = await lost(session);
  await gateways[0].close();
  const first = resume(session, eventId, gateways[1]);
  await waitFor(() => first.eventId !== '', { what: 'the event id of the call that begins again' });
  const again = through(gateways[1]);
  t.deepEqual(again?.message, calls[0]?.message);
  const { accept, 'content-type': type, 'last-event-id': last } = again?.headers ?? {};
  t.deepEqual([accept, type, last], ['application/json, text/event-stream', 'application/json', undefined]);
  await gateways[1].close();
  const second = resume(session, first.eventId, third);
  await waitFor(() => second.isOver, { what: 'the error' });
  t.regex(second.text, /"id":7,"error":.*-31001.*"retrySafe":true/, 'what ended two gateways is not given to a third');
  const other = resume(session, eventId, third);
  await waitFor(() => through(third) !== undefined, { what: 'the call at its replica' });
  through(third)?.response.end(answer(7));
  await waitFor(() => other.isOver, { what: 'the answer' });
  t.regex(other.text, /^data: .*"text":"done"/m);
});

test('an event id is good for its own session, and for whom that belongs to', async (t) => {
  const { begin, lost, resume, replica } = await setup(t);
  const ann = await begin(token('ann'));
  const bob = await begin(token('bob'));
  const { eventId } = await lost(ann);
  const stranger = resume({ ...ann, ...token('bob') }, eventId);
  await waitFor(() => stranger.isOver, { what: 'the refusal' });
  t.is(stranger.status, 404);
  const other = resume(bob, eventId);
  await waitFor(() => other.status === 200, { what: 'a stream of his own' });
  t.false(other.text.includes('"id":7'));
  const asked = replica.seen.filter(({ method }) => method === 'GET').at(-1);
  t.is(asked?.headers['last-event-id'], undefined, 'no replica hears of the mesh’s own ids');
});

test('who knows a session’s id and an event id gets nothing of the call without the credentials that it came with', async (t) => {
  const { begin, lost, resume } = await setup(t);
  const session = await begin({ authorization: 'Bearer opaque-a' });
  const { authorization: _, ...anonymous } = session;
  const { eventId, request } = await lost(session);
  // A call is given up when its client is away for 5 s, and on a busy machine all of this takes longer.
  const comesBack = async (): Promise<void> => {
    const reading = resume(session, eventId);
    await waitFor(() => reading.eventId !== '', { what: 'the call for its own client' });
    reading.cut();
  };
  for (const stranger of [{ ...session, authorization: 'Bearer opaque-b' }, anonymous]) {
    await comesBack();
    const reading = resume(stranger, eventId);
    await waitFor(() => reading.isOver, { what: 'the refusal' });
    t.regex(reading.text, /"id":7,"error":.*-31001/);
  }
  const middle = eventId.length - 20;
  const flipped = `${eventId.slice(0, middle)}${eventId[middle] === 'A' ? 'B' : 'A'}${eventId.slice(middle + 1)}`;
  for (const forged of [eventId.slice(0, -4), flipped, `${eventId}A`, 'hf1.', 'hf1..']) {
    await comesBack();
    const reading = resume(session, forged);
    await waitFor(() => reading.status === 200, { what: 'a stream of the session' });
    t.false(reading.text.includes('"id":7'), forged);
    reading.cut();
  }
  await comesBack();
  const reading = resume(session, eventId);
  await waitFor(() => reading.status === 200, { what: 'the stream' });
  request.response.end(answer(request.message.id));
  await waitFor(() => reading.isOver, { what: 'the end' });
  t.regex(reading.text, /"text":"done"/);
});

test('no event id is given to a client that does not come back, where the server gives its own, or when the answer is at hand', async (t) => {
  const old = await setup(t, '2025-06-18');
  const before = old.call(await old.begin());
  await waitFor(() => old.calls.length === 1, { what: 'the call at its replica' });
  old.calls[0]?.response.write(progress);
  await waitFor(() => before.text.includes('on its way'), { what: 'an event' });
  t.is(before.eventId, '');

  const { replica, begin, call } = await setup(t);
  const session = await begin();
  replica.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    if (message.id === 1) sse(response, 'id: own-1\ndata: \n\n');
    else if (message.id === 2) json(response, { jsonrpc: '2.0', id: 2, result: RESULT });
    return true;
  };
  const own = call(session, 1);
  const plain = call(session, 2);
  await waitFor(() => own.text.includes('own-1') && plain.isOver, { what: 'both answers' });
  t.deepEqual([own.eventId, plain.eventId], ['', '']);
});

test('a client that can’t come back hears nothing before the first event, or the first comment of the relay', async (t) => {
  const { begin, call, calls, fleet } = await setup(t, '2025-06-18');
  let laterMs = 0;
  fleet.now = () => Date.now() + laterMs;
  const session = await begin();
  const waiting = call(session, 1);
  await waitFor(() => calls.length === 1, { what: 'the call at its replica, whose stream is open' });
  const quick = call(session, 2);
  await waitFor(() => calls.length === 2, { what: 'another call at its replica' });
  calls[1]?.response.end(answer(2));
  await waitFor(() => quick.isOver, { what: 'the answer to the other call' });
  t.is(waiting.status, 0);
  laterMs = 10_000;
  await waitFor(() => waiting.status === 200, { what: 'the stream, with its first comment' });
  calls[0]?.response.end(answer(1));
  await waitFor(() => waiting.isOver, { what: 'the end' });
  t.regex(waiting.text, /^:[^\n]*\n\n[^]*"text":"done"/);
});

test('a call whose client does not come back is given up', async (t) => {
  const { begin, lost, gateways } = await setup(t);
  const { request } = await lost(await begin());
  await waitFor(() => request.response.destroyed, { what: 'the end at the replica', timeoutMs: 20_000 });
  t.true(gateways[0].outcomes.some(({ tool, kind }) => tool === 'write' && kind === 'cancelled'));
});

/** Longer than what the relay reads: it passes as it comes. */
const LONG = 'x'.repeat(5 << 20);

test('of an answer that passes in pieces no piece is given for the whole', async (t) => {
  const { begin, call, calls, resume } = await setup(t);
  const session = await begin();
  const whole = event({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text: LONG }] } });
  const reading = call(session);
  await waitFor(() => reading.eventId !== '', { what: 'an event id' });
  const { eventId } = reading;
  calls[0]?.response.end(whole);
  await waitFor(() => reading.isOver, { what: 'the whole answer' });
  t.true(reading.text.includes(LONG));
  const again = resume(session, eventId);
  await waitFor(() => again.isOver, { what: 'the end' });
  t.regex(again.text.slice(-2000), /"id":7,"error":.*-31001/);

  const second = call(session);
  await waitFor(() => second.eventId !== '', { what: 'another event id' });
  calls[1]?.response.write(whole.slice(0, -10));
  await waitFor(() => second.text.length > 4 << 20, { what: 'most of the answer' });
  const cutOff = resume(session, second.eventId);
  await waitFor(() => cutOff.isOver, { what: 'the end' });
  t.regex(cutOff.text.slice(-2000), /"id":7,"error":.*-31001/);
  await waitFor(() => calls[1]?.response.destroyed === true, { what: 'the end at the replica' });
});

test('while nobody can say whose session it is, its answers are given to nobody', async (t) => {
  const { begin, lost, resume, gateways } = await setup(t);
  const session = await begin(token('ann'));
  const { eventId, request } = await lost(session);
  const { directory } = gateways[0];
  const { peek, find } = directory;
  Object.assign(directory, { peek: () => undefined, find: async () => ({ kind: 'unsure' }) });
  const stranger = resume({ ...session, ...token('bob') }, eventId);
  await waitFor(() => stranger.isOver, { what: 'the refusal' });
  t.is(stranger.status, 503);
  Object.assign(directory, { peek, find });
  const reading = resume(session, eventId);
  await waitFor(() => reading.status === 200, { what: 'the stream' });
  request.response.end(answer(request.message.id));
  await waitFor(() => reading.isOver, { what: 'the end' });
  t.regex(reading.text, /"text":"done"/);
});

test('an event id of a mesh behind this one goes to that mesh, and its answer to the client', async (t) => {
  const { begin, resume, replica } = await setup(t);
  const asked: FakeRequest[] = [];
  replica.answer = (request) => {
    if (request.method !== 'GET') return false;
    asked.push(request);
    sse(request.response, 'id: hf1.0a1b2c3d.next\ndata: \n\n');
    request.response.end(answer(7));
    return true;
  };
  const inner = 'hf1.0a1b2c3d.c2VhbGVk';
  const resumed = resume(await begin(), inner);
  await waitFor(() => resumed.isOver, { what: 'the end of the resumed stream' });
  t.is(asked[0]?.headers['last-event-id'], inner);
  t.true(resumed.text.includes('"id":7'));
});
