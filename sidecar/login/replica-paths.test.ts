import test from 'ava';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { documentPaths, type Place } from '../../proto/place.ts';
import { placeAt } from '../../proto/place-at.ts';
import { replicaPaths } from './replica-paths.ts';
import { replicasInOrder } from './replicas-in-order.ts';

const named: Place = { host: null, path: '/mcp/fm', base: '/mcp/fm', url: null };
const own: Place = { host: 'fm.example.com', path: '/mcp', base: '', url: null };
const RESOURCE = '/.well-known/oauth-protected-resource',
  ISSUER = '/.well-known/oauth-authorization-server',
  OPENID = '/.well-known/openid-configuration';
const server = { places: [named, own], routes: ['/token', '/ui/*'] };

test('a replica is asked for a document where it may have it: as the client asked, at its own path, and without a path', (t) => {
  const asked = (path: string, place: Place, endpoint = '/mcp') =>
    replicaPaths(path, { place, is: 'document' }, endpoint);
  t.deepEqual(asked(`${RESOURCE}/mcp/fm`, named), [`${RESOURCE}/mcp/fm`, `${RESOURCE}/mcp`, RESOURCE]);
  t.deepEqual(asked(`${RESOURCE}/mcp`, own), [`${RESOURCE}/mcp`, RESOURCE]);
  t.deepEqual(asked(`${RESOURCE}/mcp/fm`, named, '/'), [`${RESOURCE}/mcp/fm`, RESOURCE]);
  t.deepEqual(asked(`${ISSUER}/mcp/fm`, named), [`${ISSUER}/mcp/fm`, ISSUER, `${ISSUER}/mcp`]);
  t.deepEqual(asked(`/mcp/fm${OPENID}`, named), [`/mcp/fm${OPENID}`, OPENID, `${OPENID}/mcp`]);
  t.deepEqual(asked(OPENID, own), [OPENID, `${OPENID}/mcp`]);
  t.deepEqual(replicaPaths('/mcp/fm/ui/x', { place: named, is: 'route' }, '/mcp'), ['/ui/x']);
});

test('what a path is depends on the Host: one of a server alone has nothing of the shared places', (t) => {
  const is = (path: string, host?: string) => placeAt(server, path, host)?.is ?? null;
  t.is(is('/mcp/fm', 'gw.example.com:443'), 'endpoint');
  t.is(is('/mcp/fm/'), 'endpoint');
  t.is(is('/mcp/fm/token'), 'route');
  t.is(is('/mcp/fm/tokens'), null);
  t.is(is('/mcp/fm/token/x'), null);
  t.is(is('/mcp/fm/ui'), 'route');
  t.is(is('/mcp/fm/ui/a/b'), 'route');
  t.is(is('/mcp/fm/uix'), null);
  t.is(is('/token'), null);
  t.is(is('/token', 'FM.example.com.:8443'), 'route');
  t.is(is('/mcp/fm', 'fm.example.com'), null);
  t.is(is('/mcp', 'fm.example.com'), 'endpoint');
  t.is(is(`${RESOURCE}/mcp/fm`), 'document');
  t.is(is(ISSUER, 'fm.example.com'), 'document');
});

test('an authorization server’s documents are asked for only where the server has routes', (t) => {
  t.deepEqual(documentPaths(named, false), [`${RESOURCE}/mcp/fm`]);
  t.deepEqual(documentPaths(own, false), [`${RESOURCE}/mcp`, RESOURCE]);
  t.true(documentPaths(named, true).includes(`/mcp/fm${OPENID}`));
});

test('every gateway asks the same replica: the oldest of those that take sessions', (t) => {
  const endpoint = (slot: string, state: ReplicaEndpoint['state'], weight = 1): ReplicaEndpoint => ({
    ...{ server: 'fm', replica: slot, backend: 'stable', address: slot, isSteady: true },
    ...{ slot, state, weight },
  });
  const endpoints = [
    endpoint('z', 'draining'),
    endpoint('10', 'active'),
    endpoint('a', 'unhealthy'),
    endpoint('b', 'standby'),
    endpoint('z2', 'active', 0),
    endpoint('c', 'active'),
  ];
  t.deepEqual(
    replicasInOrder({ endpoints }).map(({ slot }) => slot),
    ['c', '10', 'z2', 'b', 'z'],
  );
});
