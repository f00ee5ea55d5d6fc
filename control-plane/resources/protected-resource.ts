import { RESOURCE_DOCUMENT } from '../../proto/place.ts';
import { routeName } from '../../proto/wire.ts';
import type { JwtTopology, ServerTopology } from '../topology/topology.ts';
import { FILTER } from './filters/names.ts';
import { leaveOut } from './filters/ext-proc.ts';

/** The resource's document (RFC 9728): where clients get tokens for it. `url` is the one that the client uses. */
const resourceDocument = (url: string, { authorizationServers, scopes }: JwtTopology): object => ({
  resource: url,
  authorization_servers: authorizationServers,
  bearer_methods_supported: ['header'],
  ...(scopes.length > 0 && { scopes_supported: scopes }),
});

/** What a 401 says about it (RFC 6750, 9728): where the document is, and which scopes to ask for. */
export function challengeOf(url: string, { scopes }: JwtTopology): string {
  const { origin, pathname } = new URL(url);
  return [
    `Bearer resource_metadata="${origin}${RESOURCE_DOCUMENT}${pathname}"`,
    ...(scopes.length > 0 ? [`scope="${scopes.join(' ')}"`] : []),
  ].join(', ');
}

const header = (key: string, value: string): object => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
});

/** The document, which the mesh itself answers with where it verifies the tokens. Everybody may read it, scripts of any origin included. */
export const documentRoute = (server: ServerTopology, jwt: JwtTopology, path: string, url: string): object => ({
  name: routeName(server.name, 'document'),
  match: { path },
  direct_response: { status: 200, body: { inline_string: JSON.stringify(resourceDocument(url, jwt)) } },
  response_headers_to_add: [
    header('content-type', 'application/json'),
    header('cache-control', 'public, max-age=300'),
    header('access-control-allow-origin', '*'),
    header('access-control-allow-headers', '*'),
  ],
  typed_per_filter_config: { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut },
});
