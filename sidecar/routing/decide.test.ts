import test from 'ava';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { parseSessionId } from '../../proto/session-id.ts';
import {
  decide as decideRequest,
  decideSession as decideOnSession,
  type DecisionView,
  type FoundRecord,
  type RequestView,
} from './decide.ts';
import { sampleIdentities } from '../principal/testing/sample-identities.ts';

const RELAY = '127.0.0.1:7900';
const request: RequestView = {
  httpMethod: 'POST',
  clientIds: [],
  authorization: null,
  claims: null,
  protocolVersion: null,
  method: 'tools/call',
  rpcId: 7,
};
const replica = (slot: string, state: ReplicaEndpoint['state'] = 'active'): ReplicaEndpoint => ({
  server: 'linear',
  replica: slot,
  backend: 'stable',
  slot,
  address: `127.0.0.1:300${slot}`,
  state,
  isSteady: false,
  weight: 100,
});
const endpoints = [replica('1'), replica('2', 'draining'), replica('3', 'unhealthy')];
const view: DecisionView = {
  name: 'linear',
  policy: { bind: 'principal' },
  bySlot: (slot) => endpoints.find((endpoint) => endpoint.slot === slot),
};
const identities = sampleIdentities();
const decide = (request: RequestView, guard: ('calls' | 'streams')[] = []) => decideRequest(request, { guard });
const decideSession = (...args: Parameters<typeof decideOnSession> extends [...infer Most, unknown] ? Most : never) =>
  decideOnSession(...args, identities);
const principalOf = (authorization: string, bind: 'principal' | 'off'): string | null =>
  identities.principalOf({ authorization, claims: null }, { bind });
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const bearer = (sub: string): string => `Bearer ${part({ alg: 'none' })}.${part({ iss: 'i', sub })}.x`;
const ann = bearer('ann');
const live = (slot: string, principal: string | null = null): FoundRecord => ({
  kind: 'live',
  record: { principal, slot, upstreamId: 'moved' },
});
const session = (id: string) => parseSessionId(id)!;

test('what may begin a session is looked at; everything else without a session goes to any replica', (t) => {
  t.is(decide({ ...request, method: 'initialize' }).kind, 'begin');
  t.is(decide({ ...request, method: null }).kind, 'begin');
  t.is(decide(request).kind, 'pass');
  t.is(decide({ ...request, httpMethod: 'DELETE', method: null }).kind, 'pass');
  t.is(decide({ ...request, method: null, protocolVersion: '2026-07-28' }).kind, 'pass');
});

test('where calls are guarded the relay holds what belongs to no session, whether it could be read or not', (t) => {
  const guarded = (changed: Partial<RequestView>) => decide({ ...request, ...changed }, ['calls']).kind;
  t.is(guarded({ method: 'initialize' }), 'begin');
  for (const method of ['tools/call', 'tools/list', 'notifications/initialized', null])
    t.is(guarded({ method }), 'hold');
  t.is(guarded({ method: null, protocolVersion: '2026-07-28' }), 'hold');
  t.is(guarded({ httpMethod: 'GET', method: null }), 'pass');
  t.is(decide(request, ['streams']).kind, 'pass');
});

test('ids that no client comes by honestly name no session; the answer carries the request’s own id', (t) => {
  for (const clientIds of [['1~a', '1~b'], [`1~${'x'.repeat(8192)}`], ['1~a\u0001'], ['no-slot-in-it']])
    t.like(decide({ ...request, clientIds }), { status: 404, error: { id: 7, error: { code: -32001 } } });
});

test('a session goes where its record says, with the relay behind', (t) => {
  t.like(decideSession(request, session('9~old'), live('1'), view, RELAY), {
    kind: 'pin',
    hosts: ['127.0.0.1:3001', RELAY],
    upstreamId: 'moved',
  });
  t.like(decideSession(request, session('9~old'), live('2'), view, RELAY), { hosts: ['127.0.0.1:3002', RELAY] });
});

test('a session whose replica is lost or unhealthy goes to the relay', (t) => {
  t.like(decideSession(request, session('9~old'), live('3'), view, RELAY), { hosts: [RELAY] });
  t.like(decideSession(request, session('9~old'), live('8'), view, RELAY), { hosts: [RELAY] });
});

test('ended, unknown, foreign and nonsense sessions all get the same answer', (t) => {
  const answers = [
    decideSession(request, session('1~a'), { kind: 'ended' }, view, RELAY),
    decideSession(request, session('9~a'), { kind: 'unknown' }, view, RELAY),
    decideSession(request, session('1p~a'), { kind: 'unknown' }, view, RELAY),
    decideSession(request, session('1~a'), live('1', principalOf(ann, 'principal')), view, RELAY),
    decideSession(
      { ...request, authorization: bearer('eve') },
      session('1~a'),
      live('1', principalOf(ann, 'principal')),
      view,
      RELAY,
    ),
    decide({ ...request, clientIds: ['nonsense'] }),
  ];
  for (const answer of answers) t.deepEqual(answer, answers[0]);
  t.like(
    decideSession(
      { ...request, authorization: ann },
      session('1p~a'),
      live('1', principalOf(ann, 'principal')),
      view,
      RELAY,
    ),
    { kind: 'pin' },
  );
});

test('without the store, a session of a living slot goes on and one of a lost slot to the relay; a bound one waits', (t) => {
  t.like(decideSession(request, session('1~a'), { kind: 'unsure' }, view, RELAY), {
    hosts: ['127.0.0.1:3001', RELAY],
    upstreamId: 'a',
  });
  t.like(decideSession(request, session('1~a'), { kind: 'unknown' }, view, RELAY), {
    hosts: ['127.0.0.1:3001', RELAY],
  });
  t.like(decideSession(request, session('9~a'), { kind: 'unsure' }, view, RELAY), { hosts: [RELAY] });
  t.like(decideSession(request, session('1p~a'), { kind: 'unsure' }, view, RELAY), {
    status: 503,
    retryAfterSeconds: 1,
  });
});

test('where Envoy verifies tokens nothing passes without its word, no session is without a principal, and the header’s own claims say nothing', (t) => {
  const policy = { bind: 'principal' as const, guard: [], jwt: { issuer: 'i' } },
    claims = part({ iss: 'i', sub: 'ann' }),
    withJwt: DecisionView = { ...view, policy },
    principal = identities.principalOf({ authorization: null, claims }, policy);
  t.truthy(principal);
  const on = (changes: Partial<RequestView>) => decideRequest({ ...request, ...changes }, policy);
  t.like(on({ authorization: ann, method: 'initialize' }), { status: 401 });
  t.like(on({ authorization: ann, clientIds: ['1p~x'] }), { status: 401 });
  t.like(on({ claims: part({ iss: 'i' }), method: 'initialize' }), { status: 403 });
  t.like(on({ claims: part({ sub: '' }), method: 'initialize' }), { status: 403 });
  t.is(on({ claims, method: 'initialize' }).kind, 'begin');
  t.like(on({ claims, clientIds: ['1~x'] }), { status: 404 });
  t.is(on({ claims, clientIds: ['1p~x'] }).kind, 'look-up');
  t.is(on({ httpMethod: 'OPTIONS' }).kind, 'pass');
  const settle = (changes: Partial<RequestView>, of: string | null) =>
    decideOnSession({ ...request, ...changes }, session('1p~x'), live('1', of), withJwt, RELAY, identities);
  t.like(settle({ claims }, principal), { kind: 'pin' });
  t.like(settle({ claims: part({ iss: 'i', sub: 'eve' }), authorization: ann }, principal), { status: 404 });
  t.like(settle({ claims }, null), { status: 404 });
});
