import { routeName } from '../../proto/wire.ts';
import {
  allowedHostRegex,
  ANY_ORIGIN,
  LOOPBACK_HOST,
  LOOPBACK_ORIGIN,
  originRegex,
} from '../topology/allowed-origins.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { directResponse } from './direct-response.ts';
import { corsOfOwnAnswers } from './filters/cors.ts';
import { hasHeader } from './route-match.ts';

/** One matcher for each expression: Envoy refuses long ones, and all matchers of a route must hold. */
const isNoneOf = (name: string, regexes: readonly string[]): object[] => [
  hasHeader(name),
  ...regexes.map((regex) => ({ name, string_match: { safe_regex: { regex: `(?i)${regex}` } }, invert_match: true })),
];

/** A pattern of the text with any of its characters percent-encoded. */
const encoded = (text: string): string =>
  [...text]
    .map(
      (each) =>
        `(${each}|%${each
          .charCodeAt(0)
          .toString(16)
          .replace(/[a-f]/, (digit) => `[${digit}${digit.toUpperCase()}]`)})`,
    )
    .join('');

/** A token in the query (RFC 6750, 2.3) ends up in logs everywhere; MCP forbids it, and no replica is to see one that nobody verified. */
const TOKEN_IN_QUERY = `[^?]*\\?([^#]*&)?${encoded('access_token')}([=&].*)?`;

/** Methods of MCP: RFC 9110 calls the others not allowed. OPTIONS is a browser's preflight. */
const MCP_METHODS = ['GET', 'POST', 'DELETE', 'OPTIONS'] as const;

const refused = (server: ServerTopology, match: object, status: number, message: string, cors: object): object => ({
  name: routeName(server.name, 'refused'),
  match,
  ...directResponse(status, message),
  ...cors,
});

/** Requests to a Host that the server does not list, whatever else they ask for. */
export const foreignHosts = (server: ServerTopology, path: object): object[] =>
  server.allowedHosts.length === 0
    ? []
    : [
        refused(
          server,
          { ...path, headers: isNoneOf(':authority', server.allowedHosts.map(allowedHostRegex)) },
          403,
          'Host is not allowed for this server (servers[].allowedHosts)',
          corsOfOwnAnswers(server),
        ),
      ];

/** Requests that never reach a replica: from a foreign Origin or to a foreign Host (DNS rebinding), or of a method that MCP has not. */
export function refusals(server: ServerTopology, path: object): object[] {
  const { allowedOrigins } = server;
  const refuse = (headers: object[], status: number, message: string, cors: object): object =>
    refused(server, { ...path, headers }, status, message, cors);
  const readable = corsOfOwnAnswers(server);
  const origin = (headers: object[]): object =>
    refuse(headers, 403, 'Origin is not allowed for this server (servers[].allowedOrigins)', {});
  const origins = allowedOrigins.includes(ANY_ORIGIN)
    ? []
    : allowedOrigins.length > 0
      ? [origin(isNoneOf('origin', allowedOrigins.map(originRegex)))]
      : [
          origin(isNoneOf('origin', [LOOPBACK_ORIGIN])),
          origin([hasHeader('origin'), ...isNoneOf(':authority', [LOOPBACK_HOST])]),
        ];
  const isOtherMethod = {
    name: ':method',
    string_match: { safe_regex: { regex: MCP_METHODS.join('|') } },
    invert_match: true,
  };
  const tokenInQuery = server.jwt
    ? [
        refuse(
          [{ name: ':path', string_match: { safe_regex: { regex: TOKEN_IN_QUERY } } }],
          400,
          'A token belongs into the Authorization header, never into the query',
          readable,
        ),
      ]
    : [];
  return [
    ...tokenInQuery,
    ...origins,
    ...foreignHosts(server, path),
    refuse([isOtherMethod], 405, 'MCP has no such method', readable),
  ];
}
