import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { rawExchange } from '../../clients/raw-http.ts';

const TARGETS: Record<string, string> = {
  'two-slashes': '//',
  'three-slashes': '///',
  'bad-host': '//[/',
  'bad-port': 'http://a:b/',
  percent: '/%',
  'bad-percent': '/v1/servers/%zz',
  'bad-percent-drain': '/v1/drains/%c0%af',
  'bad-query': '/v1/sessions?%=%&a=%zz',
  asterisk: '*',
  'absolute-empty': 'http://',
  backslashes: '/\\\\..\\',
  prototype: '/v1/servers/__proto__',
};
const METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS'];

const HOSTS: Record<string, string> = {
  'port-too-large': 'a:99999',
  'open-bracket': '[::1',
  percent: '%zz',
  'forbidden-character': 'a|b',
  'number-too-large': '4294967296',
};
const DOCUMENT = JSON.stringify({ resource: 'http://127.0.0.1/mcp', authorization_servers: ['http://127.0.0.1:1'] });

/** A document about log-in holds URLs, which are made with the Host that the client sent. */
export const oddHosts: AttackCase[] = casesOf(
  'odd-hosts',
  { finding: 'B3', goal: 'an answer in time, whatever the Host header says' },
  HOSTS,
  async (mesh, host) => {
    for (const replica of mesh.replicas.plain)
      replica.behave = ({ url }, response) => {
        if (!url.includes('.well-known')) return false;
        response.writeHead(200, { 'content-type': 'application/json' }).end(DOCUMENT);
        return true;
      };
    const silent: string[] = [];
    for (const path of [
      '/.well-known/oauth-protected-resource/mcp/plain',
      '/mcp/plain/.well-known/openid-configuration',
    ]) {
      const head = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
      const port = Number(new URL(mesh.mesh.gateways[0]?.url ?? '').port);
      const { status } = await rawExchange(port, head, { timeoutMs: 5000 }).catch(() => ({ status: 0 }));
      if (status === 0 || status >= 500) silent.push(`${path} ${status}`);
    }
    mesh.reset('plain');
    return judge({ 'an answer below 500': silent.length === 0 }, silent.join(', '));
  },
);

/** Each admin port takes any URL in any method, with and without what looks like a token, and goes on. */
export const oddUrls: AttackCase[] = casesOf(
  'odd-urls',
  { finding: 'B3', goal: 'an answer of every port, every process alive' },
  TARGETS,
  async ({ mesh }, target) => {
    const ports: Record<string, string> = {
      'control plane': mesh.controlPlane.adminUrl,
      'sidecar admin': mesh.gateways[0]?.sidecars[0]?.adminUrl ?? '',
      relay: `http://${mesh.gateways[0]?.sidecars[0]?.relay}`,
      gateway: mesh.gateways[0]?.url ?? '',
    };
    const silent: string[] = [];
    for (const [name, url] of Object.entries(ports)) {
      for (const method of METHODS) {
        const head = `${method} ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer x\r\n`;
        const { status } = await rawExchange(
          Number(new URL(url).port),
          `${head}content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}`,
          { timeoutMs: 3000 },
        ).catch(() => ({ status: 0 }));
        // 503 is a relay's word that the request did not come through the gateway.
        if (status === 0 || (status >= 500 && status !== 503)) silent.push(`${name}: ${method} ${status}`);
      }
    }
    return judge({ 'an answer below 500 of every port': silent.length === 0 }, silent.join(', '));
  },
);
