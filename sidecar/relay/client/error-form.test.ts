import type { IncomingMessage } from 'node:http';
import test from 'ava';
import { errorForm, isOnSession } from './error-form.ts';

const request = { isOnSession: true, hasRequests: true, isRead: true, mayHaveArrived: false };

test('a request of a session hears a 5xx as a result, one that begins a session or has none as a status', (t) => {
  t.is(errorForm(503, request), 'result');
  t.is(errorForm(503, { ...request, mayHaveArrived: true }), 'result');
  t.is(errorForm(503, { ...request, isOnSession: false }), 'status');
});

test('404 and 500 keep their meaning, and so does an error to what was not read', (t) => {
  for (const status of [404, 500]) t.is(errorForm(status, request), 'status');
  t.is(errorForm(503, { ...request, isRead: false }), 'status');
});

test('nobody waits for an answer to notifications and responses', (t) => {
  const note = { ...request, hasRequests: false };
  t.is(errorForm(503, note), 'accepted');
  t.is(errorForm(503, { ...note, isOnSession: false }), 'status');
  t.is(errorForm(503, { ...note, isOnSession: false, mayHaveArrived: true }), 'accepted');
});

test('a server without session ids has sessions all the same, in revisions that begin with initialize', (t) => {
  const asks = (clientId: string | null, revision?: string): boolean =>
    isOnSession({
      clientId,
      incoming: { headers: { 'mcp-protocol-version': revision } } as unknown as IncomingMessage,
    });
  t.true(asks('a~b'));
  t.true(asks(null, '2025-06-18'));
  t.false(asks(null, '2026-07-28'));
  t.false(asks(null));
});
