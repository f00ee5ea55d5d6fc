import { join } from 'node:path';
import type { MeshServerOptions } from '../../mesh/mesh-options.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import type { Folders, PackageName } from '../packages.ts';
import type { AuthorizationServer } from './authorization-server.ts';

/** How clients reach a server: below the mesh's own URL, or at a host name of the server's own. */
export type Way = 'prefix' | 'host';

export interface LogInPlace {
  folders: Folders;
  authorization: AuthorizationServer;
  /** Where clients reach the mesh: `http://127.0.0.1:PORT`. */
  gateway: string;
  /** `http://localhost:PORT`, which the mesh knows as a host name of the server's own. */
  host: string;
  /** The server's name in the configuration. */
  name: string;
  /** A folder that replicas share. */
  shared: string;
}

/** A server whose users log in, as its makers say it is set up. */
export interface LogInServer {
  /** Of field.md. */
  report: string;
  name: string;
  package: PackageName | null;
  of(way: Way, place: LogInPlace): { options: Omit<MeshServerOptions, 'replicas'>; url: string };
  /** It asks for a further scope for one of its tools, `write`. */
  stepsUp?: true;
}

const SERVER_PY = join(REPOSITORY, 'deploy/test/field/servers/server.py');

const python = (kind: 'fastmcp' | 'python-1' | 'python-2', { folders }: LogInPlace, flags: readonly string[]) => ({
  command: ({ port, name }: { port: number; name: string }) => ({
    command: join(folders[kind], 'bin/python'),
    args: [SERVER_PY, kind, '--port', String(port), '--name', name, ...flags],
  }),
});

const prefixOf = ({ gateway, name }: LogInPlace): string => `${gateway}/mcp/${name}`;
const hostsOf = (way: Way, { host }: LogInPlace): object => (way === 'host' ? { hosts: [new URL(host).hostname] } : {});
const SAFE = { trustAnnotations: true };

const pythonOwn = (kind: 'python-1' | 'python-2', name: string): LogInServer => ({
  report: 'F5',
  name,
  package: kind,
  of(way, place) {
    const base = way === 'prefix' ? prefixOf(place) : place.host;
    const url = way === 'prefix' ? base : `${base}/mcp`;
    const settings = { ...SAFE, routes: ['oauth'], ...hostsOf(way, place) };
    const flags = ['--auth', 'own', '--public', base, '--resource', url];
    return { url, options: { settings, ...python(kind, place, flags) } };
  },
});

export const LOG_IN_SERVERS: readonly LogInServer[] = [
  {
    report: 'F4',
    name: 'jwt by the mesh',
    package: null,
    of(way, place) {
      const { issuer, jwks } = place.authorization;
      const url = way === 'prefix' ? prefixOf(place) : `${place.host}/mcp`;
      const jwt = { issuer, jwksUrl: jwks, scopes: ['mcp:read'], ...(way === 'host' && { audiences: [url] }) };
      const program = 'deploy/test/servers/linear/main.ts';
      return { url, options: { program, settings: { ...SAFE, jwt, ...hostsOf(way, place) } } };
    },
  },
  {
    report: 'F3',
    name: 'FastMCP RemoteAuthProvider',
    package: 'fastmcp',
    of(way, place) {
      const { issuer } = place.authorization;
      const flags = ['--auth', 'remote', '--issuer', issuer, '--public', way === 'prefix' ? place.gateway : place.host];
      // At one path on both sides the server names the URL that clients know.
      const path = way === 'prefix' ? `/mcp/${place.name}` : '/mcp';
      const settings = { ...SAFE, path, ...hostsOf(way, place) };
      const url = way === 'prefix' ? prefixOf(place) : `${place.host}/mcp`;
      return { url, options: { settings, ...python('fastmcp', place, [...flags, '--path', path]) } };
    },
  },
  {
    report: 'F5',
    name: 'FastMCP OAuth proxy',
    package: 'fastmcp',
    of(way, place) {
      const base = way === 'prefix' ? prefixOf(place) : place.host;
      const flags = [
        '--auth',
        'proxy',
        '--issuer',
        place.authorization.issuer,
        '--public',
        base,
        '--shared',
        place.shared,
      ];
      const settings = { ...SAFE, routes: ['oauth'], ...hostsOf(way, place) };
      return { url: `${base}/mcp`, options: { settings, ...python('fastmcp', place, flags) } };
    },
  },
  pythonOwn('python-1', 'Python SDK 1.x auth server'),
  pythonOwn('python-2', 'Python SDK 2.x auth server'),
  {
    report: 'F3',
    name: 'TypeScript SDK auth router',
    package: null,
    stepsUp: true,
    of(way, place) {
      const url = way === 'prefix' ? prefixOf(place) : `${place.host}/mcp`;
      const program = 'deploy/test/servers/oauth/main.ts';
      return {
        url,
        options: { program, args: ['--public', url], settings: { ...SAFE, routes: ['oauth'], ...hostsOf(way, place) } },
      };
    },
  },
];
