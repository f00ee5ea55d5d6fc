import test from 'ava';
import { eraOf, initializeParamsOf, isModernRevision, PROTOCOL_CLAIM } from './classify.ts';

const head = { httpMethod: 'POST', protocolVersion: null, hasSession: false };
const claim = { _meta: { [PROTOCOL_CLAIM]: '2026-07-28' } };

test('transport methods, batches, answers and sessions are legacy, whatever else they say', (t) => {
  t.is(eraOf({ ...head, httpMethod: 'GET', protocolVersion: '2026-07-28' }), 'legacy');
  t.is(eraOf({ ...head, httpMethod: 'DELETE' }), 'legacy');
  t.is(eraOf({ ...head, body: [{ method: 'ping', params: claim }] }), 'legacy');
  t.is(eraOf({ ...head, protocolVersion: '2026-07-28', body: { id: 1, result: {} } }), 'legacy');
  t.is(eraOf({ ...head, hasSession: true, protocolVersion: '2026-07-28' }), 'legacy');
});

test('a request’s own claim makes it modern; initialize stays legacy; a header alone makes a faulty modern one', (t) => {
  t.is(eraOf({ ...head, body: { method: 'tools/list', params: claim } }), 'modern');
  t.is(eraOf({ ...head, protocolVersion: '2026-07-28', body: { method: 'initialize', params: {} } }), 'legacy');
  t.is(eraOf({ ...head, protocolVersion: '2026-07-28', body: { method: 'tools/list' } }), 'modern');
  t.is(eraOf({ ...head, protocolVersion: '2025-11-25', body: { method: 'tools/list' } }), 'legacy');
  t.is(eraOf({ ...head, body: 'not an object' }), 'legacy');
});

test('revisions are compared as dates', (t) => {
  t.deepEqual(['2026-07-28', '2027-01-01', '2026-07-27', 'DRAFT-2026', null].map(isModernRevision), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test('initialize is found alone and in a batch', (t) => {
  t.deepEqual(initializeParamsOf({ method: 'initialize', params: { a: 1 } }), { a: 1 });
  t.deepEqual(initializeParamsOf([{ method: 'ping' }, { method: 'initialize' }]), {});
  t.is(initializeParamsOf({ method: 'ping' }), undefined);
});
