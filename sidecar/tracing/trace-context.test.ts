import test from 'ava';
import {
  parentOf,
  readMetaContext,
  readTraceparent,
  traceparentOf,
  withMetaContext,
  withTraceHeaders,
} from './trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;
const context = { traceId: TRACE, spanId: SPAN, isSampled: true, state: null };

test('a traceparent is read with its flags and its state, and written as it was', (t) => {
  t.deepEqual(readTraceparent(PARENT, 'a=1'), { ...context, state: 'a=1' });
  t.is(readTraceparent(PARENT.replace(/01$/, '00'), undefined)?.isSampled, false);
  t.is(traceparentOf(context), PARENT);
});

test('what the specification calls invalid is no context', (t) => {
  const bad = [
    undefined,
    '',
    'garbage',
    PARENT.slice(1),
    `${PARENT}0`,
    `${PARENT}-more`,
    PARENT.replace(/^00/, 'ff'),
    PARENT.toUpperCase(),
    PARENT.replace(TRACE, '0'.repeat(32)),
    PARENT.replace(SPAN, '0'.repeat(16)),
  ];
  for (const text of bad) t.is(readTraceparent(text, undefined), null, String(text));
  t.truthy(readTraceparent(`01-${TRACE}-${SPAN}-01-more`, undefined), 'a later version may say more');
});

test('a state that no header can hold is left out, and its parent stays', (t) => {
  for (const state of ['', 'a=1\r\nx-evil: 1', 'a=\u0000', 'a=é', 'a=漢', 'a'.repeat(513)]) {
    const meta = { _meta: { traceparent: PARENT, tracestate: state } };
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: meta }));
    t.deepEqual(readMetaContext(body)?.context, context, JSON.stringify(state));
  }
});

test('a context in params._meta is found, replaced where it stands, and nowhere else', (t) => {
  const params = {
    arguments: { traceparent: 'no' },
    _meta: { progressToken: 1, traceparent: PARENT, tracestate: 'b=2' },
  };
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }));
  const found = readMetaContext(body);
  t.deepEqual(found?.context, { ...context, state: 'b=2' });
  const other = { ...context, spanId: 'a'.repeat(16) };
  t.is(withMetaContext(body, found?.at ?? 0, other).toString(), body.toString().replace(SPAN, 'a'.repeat(16)));
  t.true(body.includes(SPAN), 'the client’s own bytes are left alone');
});

test('a context elsewhere in the body is none', (t) => {
  for (const message of [
    { params: { arguments: { _meta: { traceparent: PARENT } } } },
    { _meta: { traceparent: PARENT } },
    { params: { _meta: { other: { traceparent: PARENT } } } },
    { params: { _meta: { traceparent: 7 } } },
    { params: { _meta: [{ traceparent: PARENT }] } },
  ])
    t.is(readMetaContext(Buffer.from(JSON.stringify(message))), null, JSON.stringify(message));
});

test('headers get this context instead of the one in them', (t) => {
  const headers = ['Traceparent', 'old', 'a', '1', 'tracestate', 'old'];
  t.deepEqual(withTraceHeaders(headers, context), ['a', '1', 'traceparent', PARENT]);
  t.deepEqual(withTraceHeaders(headers, { ...context, state: 'x=1' }).slice(-2), ['tracestate', 'x=1']);
});

test('the nearest context of the client’s trace is the parent; one of another trace becomes a link', (t) => {
  const near = { ...context, spanId: 'b'.repeat(16) };
  const foreign = { ...context, traceId: 'c'.repeat(32) };
  t.deepEqual(parentOf(near, context), { parent: near, link: null });
  t.deepEqual(parentOf(foreign, context), { parent: context, link: foreign });
  t.deepEqual(parentOf(near, null), { parent: near, link: null });
  t.deepEqual(parentOf(null, context), { parent: context, link: null });
  t.deepEqual(parentOf(null, null), { parent: null, link: null });
});
