import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { INITIALIZE, type AttackMesh, type ServerName } from '../attack-mesh.ts';

interface Visit {
  server: ServerName;
  headers: (port: string) => Record<string, string>;
  isWelcome: boolean;
}
const web = (server: ServerName, origin: string, isWelcome = false, host?: string): Visit => ({
  server,
  isWelcome,
  headers: (port) => ({
    origin: origin.replace('PORT', port),
    ...(host !== undefined && { host: host.replace('PORT', port) }),
  }),
});

const VISITS: Record<string, Visit> = {
  'foreign-page': web('plain', 'https://evil.example'),
  'foreign-page-guard-off': web('off', 'https://evil.example'),
  'foreign-page-jwt': web('jwt', 'https://evil.example'),
  'null-origin': web('plain', 'null'),
  'rebound-name': web('plain', 'http://attacker.example:PORT', false, 'attacker.example:PORT'),
  'rebound-name-guard-off': web('off', 'http://attacker.example:PORT', false, 'attacker.example:PORT'),
  'loopback-lookalike': web('plain', 'http://127.0.0.1.evil.example'),
  'localhost-lookalike': web('plain', 'http://localhost.evil.example:PORT'),
  'user-info-lookalike': web('plain', 'http://127.0.0.1:PORT@evil.example'),
  'loopback-as-number': web('plain', 'http://2130706433.evil.example'),
  'file-page': web('plain', 'file://'),
  'two-origins': web('plain', 'http://127.0.0.1:PORT, https://evil.example'),
  'not-listed': web('origin', 'https://evil.example', false, 'mcp.example.com'),
  'listed-suffix': web('origin', 'https://app.example.com.evil.example', false, 'mcp.example.com'),
  'listed-host-foreign': web('origin', 'https://app.example.com', false, 'attacker.example'),
  'every-address': web('plain', 'http://0.0.0.0:PORT', false, '0.0.0.0:PORT'),
  'one-number': web('plain', 'http://2130706433:PORT', false, '2130706433:PORT'),
  'octal-address': web('plain', 'http://0177.0.0.1:PORT', false, 'attacker.example:PORT'),
  extension: web('plain', 'chrome-extension://abcdefghijklmnop'),
  'data-page': web('plain', 'data:text/html,x'),
  'loopback-page': web('plain', 'http://127.0.0.1:PORT', true),
  listed: web('origin', 'https://app.example.com', true, 'mcp.example.com'),
  'listed-default-port': web('origin', 'https://app.example.com:443', true, 'mcp.example.com:443'),
  'listed-other-case': web('origin', 'https://APP.example.com', true, 'MCP.Example.Com'),
};

export const origins: AttackCase[] = casesOf(
  'origins',
  { finding: '10', goal: '403 for pages of others, 200 for one’s own' },
  VISITS,
  async (mesh: AttackMesh, { server, headers, isWelcome }) => {
    const { port } = new URL(mesh.url(server));
    const token = server === 'jwt' ? { token: mesh.issuer.valid('carol') } : {};
    const answer = await mesh.rpc(server, INITIALIZE, { ...token, headers: headers(port) });
    const modern = await mesh.rpc(
      server,
      { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} },
      { ...token, headers: { ...headers(port), 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' } },
    );
    const statuses = [answer.status, modern.status];
    const wanted = isWelcome ? 200 : 403;
    return judge({ [`${wanted}`]: statuses.every((status) => status === wanted) }, statuses.join(', '));
  },
);

/** Where a policy lets a page in, its preflight passes, and the mesh's own answers can be read by it. */
export const preflight: AttackCase = {
  name: 'origins/preflight',
  finding: '19',
  goal: 'a preflight of a listed page passes, without a token',
  async run(mesh) {
    const headers = {
      origin: 'https://app.example.com',
      host: 'mcp.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,mcp-session-id',
    };
    const answer = await mesh.send('origin', { method: 'OPTIONS', headers });
    const foreign = await mesh.send('origin', {
      method: 'OPTIONS',
      headers: { ...headers, origin: 'https://evil.example' },
    });
    return judge(
      {
        'it passes': answer.status === 200 || answer.status === 204,
        'and allows the origin': answer.headers['access-control-allow-origin'] === headers.origin,
        'a foreign page is not allowed': foreign.headers['access-control-allow-origin'] === undefined,
      },
      `${answer.status}, foreign ${foreign.status}`,
    );
  },
};
