import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { detach } from '../../../../proto/detach.ts';
import { freePort } from '../../mesh/free-port.ts';

/** Who logs in to everything. */
const USER = 'ada';
export const SCOPES = ['mcp:read', 'mcp:write'];
/** A client that is known without registration: what stands between others and this server, as FastMCP's proxy does. */
export const KNOWN_CLIENT = { id: 'proxy', secret: 'holdfast-test-secret' };

/** The part of the package that is used here. */
interface Details {
  prompt: { name: string; details: { missingOIDCScope?: string[]; missingResourceScopes?: Record<string, string[]> } };
  params: { client_id: string };
  session?: { accountId: string };
  grantId?: string;
}
interface Grant {
  addOIDCScope(scope: string): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}
interface Provider {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Details>;
  interactionFinished(request: IncomingMessage, response: ServerResponse, result: object, more: object): Promise<void>;
  Grant: { new (of: object): Grant; find(id: string): Promise<Grant | undefined> };
}
type Package = { default: new (issuer: string, configuration: object) => Provider };

const settings = (redirects: readonly string[]): object => ({
  clients: [
    {
      client_id: KNOWN_CLIENT.id,
      client_secret: KNOWN_CLIENT.secret,
      redirect_uris: redirects,
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  scopes: ['openid', 'offline_access', ...SCOPES],
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://any.example',
      useGrantedResource: () => true,
      getResourceServerInfo: (_context: unknown, resource: string) => ({
        scope: SCOPES.join(' '),
        audience: resource,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
      }),
    },
  },
  cookies: { keys: ['holdfast-test'] },
  issueRefreshToken: () => true,
  rotateRefreshToken: false,
  findAccount: (_context: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
  interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
});

async function agree(provider: Provider, { prompt, params, session, grantId }: Details): Promise<object> {
  if (prompt.name === 'login') return { login: { accountId: USER } };
  const known = grantId === undefined ? undefined : await provider.Grant.find(grantId);
  const grant = known ?? new provider.Grant({ accountId: session?.accountId ?? USER, clientId: params.client_id });
  const { missingOIDCScope, missingResourceScopes = {} } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(missingResourceScopes))
    grant.addResourceScope(resource, scopes.join(' '));
  return { consent: { grantId: await grant.save() } };
}

export interface AuthorizationServer {
  issuer: string;
  jwks: string;
  close(): void;
}

/** The package `oidc-provider` of this folder on loopback, with dynamic registration, resource indicators and a user who agrees to everything. */
export async function startAuthorizationServer(
  folder: string,
  redirects: readonly string[],
): Promise<AuthorizationServer> {
  const entry = pathToFileURL(join(folder, 'node_modules/oidc-provider/lib/index.js')).href;
  const { default: Provider } = (await import(entry)) as Package;
  const port = await freePort(),
    issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, settings(redirects)),
    answer = provider.callback();
  const server = createServer((request, response) => {
    if (!request.url?.startsWith('/interaction/')) return answer(request, response);
    const finished = async (): Promise<void> => {
      const result = await agree(provider, await provider.interactionDetails(request, response));
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    };
    return detach(finished(), (error) => response.writeHead(500).end(String(error)));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { issuer, jwks: `${issuer}/jwks`, close };
}
