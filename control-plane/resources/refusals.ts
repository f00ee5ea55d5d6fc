import { routeName } from '../../proto/wire.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { directResponse } from './direct-response.ts';
import { hasHeader } from './route-match.ts';

const isNoneOf = (name: string, values: readonly string[]): object[] => [
  hasHeader(name),
  {
    name,
    string_match: {
      safe_regex: {
        regex: values.map((value) => value.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|'),
      },
    },
    invert_match: true,
  },
];

/** Requests from an Origin or to a Host that the server does not list (DNS rebinding). */
export function refusals(server: ServerTopology, path: object): object[] {
  const refuse = (header: string, allowed: readonly string[], message: string): object[] =>
    allowed.length === 0
      ? []
      : [
          {
            name: routeName(server.name, 'refused'),
            match: { ...path, headers: isNoneOf(header, allowed) },
            ...directResponse(403, message),
          },
        ];
  return [
    ...refuse('origin', server.allowedOrigins, 'Origin is not allowed for this server'),
    ...refuse(':authority', server.allowedHosts, 'Host is not allowed for this server'),
  ];
}
