import {
  allowedHostRegex,
  ANY_ORIGIN,
  LOOPBACK_HOST,
  LOOPBACK_ORIGIN,
  originRegex,
} from '../topology/allowed-origins.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { isMethod, like, likeInAnyCase, not, present, type Condition } from './condition.ts';
import type { Refusal, RouteRow } from './row.ts';

/** One condition for each expression: Envoy refuses long ones. */
const isNoneOf = (header: string, regexes: readonly string[]): Condition[] => [
  present(header),
  ...regexes.map((regex) => not(likeInAnyCase(header, regex))),
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

/** A token in the query (RFC 6750, 2.3) ends up in logs everywhere. MCP forbids it, and no replica may see a token that nobody verified. */
const TOKEN_IN_QUERY = `[^?]*\\?([^#]*&)?${encoded('access_token')}([=&].*)?`;

/** Methods of MCP: RFC 9110 calls the others not allowed. OPTIONS is a browser's preflight. The commonest come first. */
const MCP_METHODS = ['POST', 'GET', 'DELETE', 'OPTIONS'] as const;

/** Proxies that a request may have passed. Each adds an address, and a request between two meshes that name each other goes round for ever. */
const MOST_PROXIES = 32;
const HAS_GONE_ROUND = `([^,]*,){${MOST_PROXIES}}.*`;

const refuse = (when: readonly Condition[], refusal: Refusal, why: string): RouteRow => ({
  to: 'refuse',
  kind: 'refused',
  when,
  refusal,
  why: `${why}: Envoy answers ${refusal.status} itself.`,
});

/** Requests to a Host that the server does not list, whatever else they ask for. */
export const foreignHosts = ({ allowedHosts }: Pick<ServerTopology, 'allowedHosts'>): RouteRow[] =>
  allowedHosts.length === 0
    ? []
    : [
        refuse(
          isNoneOf(':authority', allowedHosts.map(allowedHostRegex)),
          {
            status: 403,
            message: 'Host is not allowed for this server (servers[].allowedHosts)',
            isReadable: true,
          },
          `The Host is not one of the server’s allowed ones (${allowedHosts.join(', ')})`,
        ),
      ];

const NO_ORIGIN: Refusal = {
  status: 403,
  message: 'Origin is not allowed for this server (servers[].allowedOrigins)',
  isReadable: false,
};

/**
 * Without a list, only a page of this machine may speak to a gateway that it reaches by loopback. By another name that
 * is DNS rebinding.
 */
function foreignOrigins({ allowedOrigins }: Pick<ServerTopology, 'allowedOrigins'>): RouteRow[] {
  if (allowedOrigins.includes(ANY_ORIGIN)) return [];
  if (allowedOrigins.length > 0)
    return [
      refuse(
        isNoneOf('origin', allowedOrigins.map(originRegex)),
        NO_ORIGIN,
        `The Origin is not one of the server’s allowed ones (${allowedOrigins.join(', ')})`,
      ),
    ];
  const why = 'The server lists no Origin, so only pages of this machine may speak to it, at a loopback Host';
  return [
    refuse(isNoneOf('origin', [LOOPBACK_ORIGIN]), NO_ORIGIN, why),
    refuse([present('origin'), ...isNoneOf(':authority', [LOOPBACK_HOST])], NO_ORIGIN, why),
  ];
}

/** Requests that never reach a replica. They went round, or have a token in the query, a foreign Origin or Host, or a method that MCP does not have. */
export function refusalRows(server: Pick<ServerTopology, 'allowedHosts' | 'allowedOrigins' | 'jwt'>): RouteRow[] {
  const tokenInQuery = server.jwt
    ? [
        refuse(
          [like(':path', TOKEN_IN_QUERY)],
          {
            status: 400,
            message: 'A token belongs into the Authorization header, never into the query',
            isReadable: true,
          },
          'There is a token in the query',
        ),
      ]
    : [];
  return [
    refuse(
      [like('x-forwarded-for', HAS_GONE_ROUND)],
      {
        // Not 508: a mesh takes a 5xx of a replica for a fault, and tries again, at every turn.
        status: 400,
        message: `The request has passed more than ${MOST_PROXIES} proxies (x-forwarded-for): do two meshes name each other as replicas?`,
        isReadable: true,
      },
      `It has passed more than ${MOST_PROXIES} proxies`,
    ),
    ...tokenInQuery,
    ...foreignOrigins(server),
    ...foreignHosts(server),
    refuse(
      [not(isMethod(...MCP_METHODS))],
      { status: 405, message: 'MCP has no such method', isReadable: true },
      'MCP has no such method',
    ),
  ];
}
