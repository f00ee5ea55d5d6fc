import { METADATA } from '../../../proto/wire.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { ServerTopology } from '../../topology/topology.ts';
import { switchOn } from './ext-proc.ts';
import { FILTER } from './names.ts';

const CHALLENGE = 'www-authenticate';
/** Metadata key of a replica's WWW-Authenticate as clients are to see it. */
const MAPPED = 'challenge';

const rule = { header: CHALLENGE, on_header_present: { metadata_namespace: METADATA.namespace, key: MAPPED } };

/** Two filters, since only one of Envoy's rewrites by a pattern, and only the other writes a header. Off, except on routes that say how. */
export const challengeFilters: readonly object[] = [
  // Answers pass from the last filter to the first.
  {
    name: FILTER.challengeHeader,
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
      mutations: {
        response_mutations: [
          {
            append: {
              header: { key: CHALLENGE, value: `%DYNAMIC_METADATA(${METADATA.namespace}:${MAPPED})%` },
              append_action: 'OVERWRITE_IF_EXISTS',
            },
          },
        ],
      },
    }),
  },
  {
    name: FILTER.challengeToMetadata,
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.header_to_metadata.v3.Config', { response_rules: [rule] }),
  },
];

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * What the routes of one place add. A replica that thinks of its own address or path names a document there: the name becomes the public one, where the
 * sidecar answers (sidecar/login). One that names a document at any other path knows better, and is left alone.
 */
export function challengeOnRoute(server: ServerTopology, url: string | null): Record<string, object> {
  if (!server.mapsChallenge || url === null) return {};
  const { origin, pathname } = new URL(url),
    own = server.policy.path === '/' ? '' : server.policy.path.replace(/\/$/, '');
  return {
    [FILTER.challengeHeader]: switchOn,
    [FILTER.challengeToMetadata]: typed('envoy.extensions.filters.http.header_to_metadata.v3.Config', {
      response_rules: [
        {
          header: CHALLENGE,
          on_header_present: {
            ...rule.on_header_present,
            regex_value_rewrite: {
              pattern: { regex: `(resource_metadata="?)[^", ]*(/\\.well-known/[a-z-]+)(${quoted(own)})?/?("|,|$)` },
              substitution: `\\1${origin}\\2${pathname}\\4`,
            },
          },
        },
      ],
    }),
  };
}
