import type { Place } from '../../proto/place.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { isMethod, not } from './condition.ts';
import { isResent } from './route-table.ts';
import { foreignHosts } from './refusal-rows.ts';
import type { RouteRow } from './row.ts';

/** What is at a place beside the MCP endpoint: a document about log-in, or one of the server's `routes`. */
export type SidePath = 'document' | 'route';

const OWN_DOCUMENT: readonly RouteRow[] = [
  {
    to: 'refuse',
    kind: 'refused',
    when: [not(isMethod('GET', 'HEAD', 'OPTIONS'))],
    refusal: { status: 405, message: 'The document can only be read', isReadable: true },
    why: 'The path is a document, which can only be read: Envoy answers 405 itself.',
  },
  {
    to: 'document',
    kind: 'document',
    when: [],
    why: 'The path is the server’s OAuth document: the gateway answers it itself.',
  },
];

/** Pages of any origin may log in: their tokens are what counts. */
export function sideTable(
  server: Pick<ServerTopology, 'jwt' | 'allowedHosts'>,
  { url }: Pick<Place, 'url'>,
  is: SidePath,
): readonly RouteRow[] {
  if (is === 'document' && server.jwt && url !== null) return OWN_DOCUMENT;
  return [
    ...foreignHosts(server),
    {
      to: 'refuse',
      kind: 'refused',
      when: [isResent],
      refusal: { status: 503, message: 'The gateway that had the request was lost', isReadable: true },
      why: 'Another gateway had it, and is gone: nobody knows whether it may be repeated, so Envoy answers 503 itself.',
    },
    {
      to: 'side-path',
      kind: 'document',
      when: [],
      why: 'The path is about log-in, or one of `routes`: the sidecar asks the oldest replica that takes sessions, and maps its URLs.',
    },
  ];
}
