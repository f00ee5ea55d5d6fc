import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import type { AttackMesh } from '../attack-mesh.ts';
import { exchange } from '../http-client.ts';

interface WebRequest {
  port: 'control plane' | 'sidecar' | 'envoy';
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

const crossSite = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', referer: 'https://evil.example/' };
const evilOrigin = { origin: 'https://evil.example' };
const rebound = { host: 'attacker.example' };

/** What a browser sends for a web page: an image, a form, a `fetch` without CORS, and a page that rebound its own name. */
const REQUESTS: Record<string, WebRequest> = {
  'prestop-image': {
    port: 'control plane',
    method: 'GET',
    path: '/v1/prestop?server=SERVER&replica=REPLICA&deadlineMs=0',
    headers: crossSite,
  },
  'prestop-without-headers': {
    port: 'control plane',
    method: 'GET',
    path: '/v1/prestop?server=SERVER&replica=REPLICA&deadlineMs=0',
    headers: {},
  },
  'prestop-rebound': {
    port: 'control plane',
    method: 'POST',
    path: '/v1/prestop?server=SERVER&replica=REPLICA',
    headers: rebound,
  },
  'prestop-form': {
    port: 'control plane',
    method: 'POST',
    path: '/v1/prestop?server=SERVER&replica=REPLICA',
    headers: { ...crossSite, ...evilOrigin, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'a=b',
  },
  'drain-fetch': { port: 'sidecar', method: 'POST', path: '/drain', headers: { ...evilOrigin, ...crossSite } },
  'drain-rebound': { port: 'sidecar', method: 'POST', path: '/drain', headers: rebound },
  'drain-form': {
    port: 'sidecar',
    method: 'POST',
    path: '/drain',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
  },
  'drain-no-origin': { port: 'sidecar', method: 'POST', path: '/drain', headers: {} },
  'drain-null-origin': {
    port: 'sidecar',
    method: 'POST',
    path: '/drain',
    headers: { origin: 'null', 'content-type': 'application/json' },
    body: '{}',
  },
  'drain-lookalike-host': {
    port: 'sidecar',
    method: 'POST',
    path: '/drain',
    headers: { host: '127.0.0.1.evil.example', 'content-type': 'application/json' },
    body: '{}',
  },
  'drain-token-in-query': { port: 'sidecar', method: 'POST', path: '/drain?token=guess', headers: {} },
  'prestop-method-override': {
    port: 'control plane',
    method: 'GET',
    path: '/v1/prestop?server=SERVER&replica=REPLICA&_method=POST',
    headers: { ...crossSite, 'x-http-method-override': 'POST' },
  },
  'prestop-absolute-form': {
    port: 'control plane',
    method: 'GET',
    path: 'http://127.0.0.1/v1/prestop?server=SERVER&replica=REPLICA',
    headers: crossSite,
  },
  'drain-forwarded-host': {
    port: 'sidecar',
    method: 'POST',
    path: '/drain',
    headers: { host: 'attacker.example', 'x-forwarded-host': '127.0.0.1', 'content-type': 'application/json' },
    body: '{}',
  },
  'live-rebound': { port: 'control plane', method: 'GET', path: '/v1/live', headers: rebound },
  'session-rebound': { port: 'control plane', method: 'GET', path: '/v1/sessions', headers: rebound },
  'events-cross-site': { port: 'control plane', method: 'GET', path: '/v1/events', headers: crossSite },
  'metrics-rebound': { port: 'sidecar', method: 'GET', path: '/metrics', headers: rebound },
  'metrics-cross-site': { port: 'sidecar', method: 'GET', path: '/metrics', headers: crossSite },
  'health-rebound': { port: 'sidecar', method: 'GET', path: '/health', headers: rebound },
  'control-plane-metrics-rebound': { port: 'control plane', method: 'GET', path: '/metrics', headers: rebound },
  'control-plane-config-rebound': { port: 'control plane', method: 'GET', path: '/v1/config', headers: rebound },
  'control-plane-config-origin': { port: 'control plane', method: 'GET', path: '/v1/config', headers: evilOrigin },
};

const urlOf = ({ mesh }: AttackMesh, port: WebRequest['port']): string =>
  port === 'control plane'
    ? mesh.controlPlane.adminUrl
    : port === 'sidecar'
      ? (mesh.gateways[0]?.sidecars[0]?.adminUrl ?? '')
      : (mesh.gateways[0]?.envoy.adminUrl ?? '');

export const controlPorts: AttackCase[] = casesOf(
  'control-ports',
  { finding: '7', goal: 'refused, nothing is drained', isLasting: true },
  REQUESTS,
  async (mesh, { port, method, path, headers, body }) => {
    const replica = mesh.replicas.judged[0];
    const target = path.replace('SERVER', 'judged').replace('REPLICA', replica?.address ?? '');
    const answer = await exchange(urlOf(mesh, port), {
      method,
      path: target,
      headers,
      from: '127.0.0.1',
      ...(body !== undefined && { body }),
    });
    const health = await exchange(`${mesh.mesh.gateways[0]?.url}/health`, { method: 'GET' });
    const drains = await exchange(`${mesh.mesh.controlPlane.adminUrl}/v1/drains`, { method: 'GET' });
    return judge(
      {
        refused: answer.status >= 400 && answer.status < 500,
        'the gateway takes new sessions': health.status === 200,
        'no replica drains': !drains.body.includes(replica?.name ?? '?'),
      },
      `${answer.status}`,
    );
  },
);
