import { typed } from '../../../proto/xds/loader.ts';
import { HEADER, METADATA, RESOURCE } from '../../../proto/wire.ts';
import { askAgain, toNeighbour } from '../retry-policy.ts';
import { FILTER } from './names.ts';

/** What both ways of asking have in common. */
const asking = {
  // 200 ms by default: a garbage collection of a busy sidecar would fail requests.
  message_timeout: '2s',
  // An undecided initialize would hand out a session id that no gateway understands. An undecided request of a session
  // might meet another's replica. Where a request may go on, the route says to whom (askOrGoOn).
  failure_mode_allow: false,
  status_on_error: { code: 'ServiceUnavailable' },
  metadata_options: {
    forwarding_namespaces: { untyped: [METADATA.request] },
    receiving_namespaces: { untyped: [METADATA.namespace] },
  },
  // It may set the session id and Envoy's retry conditions, never the path, the authority or the method.
  mutation_rules: { allow_all_routing: false, allow_envoy: true, disallow_system: true },
};

/** Asks the sidecar about what may begin a session, whose body and answer it must see. Off, except on routes that say otherwise (decide). */
export const extProc: object = {
  name: FILTER.extProc,
  disabled: true,
  typed_config: typed('envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor', {
    grpc_service: {
      envoy_grpc: { cluster_name: RESOURCE.sidecarCluster },
      retry_policy: toNeighbour,
    },
    ...asking,
    // For initialize the sidecar asks for the body; it may take as long as the client needs to send it.
    max_message_timeout: '30s',
    allow_mode_override: true,
    processing_mode: {
      request_header_mode: 'SEND',
      // The sidecar asks for the answer's headers where it wants them. By default Envoy would send it its own answers
      // to requests that never came this far. Then 5,000 bodies given up at once took all of a sidecar's time, and its
      // connection.
      response_header_mode: 'SKIP',
      request_trailer_mode: 'SKIP',
      response_trailer_mode: 'SKIP',
    },
    response_attributes: [`xds.upstream_host_metadata.filter_metadata['${METADATA.namespace}']['slot']`],
  }),
};

/** What the sidecar reads of a request that names a session: each header more costs Envoy 3 µs. A DELETE never comes this way. */
const READ = ['authorization', HEADER.claims, HEADER.session, HEADER.server, HEADER.rateLimited];

/**
 * Asks the sidecar about a request that names a session. The headers are all that the sidecar needs, so this is one question and one
 * answer. Off, except on routes that say otherwise.
 */
export const askUnary: object = {
  name: FILTER.askUnary,
  disabled: true,
  typed_config: typed('envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor', {
    grpc_service: {
      envoy_grpc: { cluster_name: RESOURCE.decideCluster, skip_envoy_headers: true },
      retry_policy: askAgain,
    },
    ...asking,
    processing_mode: {
      request_header_mode: 'SEND',
      response_header_mode: 'SKIP',
      request_trailer_mode: 'SKIP',
      response_trailer_mode: 'SKIP',
    },
    forward_rules: { allowed_headers: { patterns: READ.map((exact) => ({ exact })) } },
  }),
};

/** On a server's route: ask, and say for which server. A header of the stream, because an attribute is evaluated again for each request. */
export const askSidecar = (server: string): object =>
  typed('envoy.config.route.v3.FilterConfig', {
    config: typed('envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute', {
      overrides: { grpc_initial_metadata: [{ key: HEADER.server, value: server }] },
    }),
  });

/** On a route: ask once, and when nobody answers go on to the hosts that the route names (neighbours' relays, which decide by themselves). */
export const askOrGoOn: object = typed('envoy.config.route.v3.FilterConfig', {
  config: typed('envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute', {
    overrides: { failure_mode_allow: true },
  }),
});

/** On a route: leave a filter out that the listener has. */
export const leaveOut: object = typed('envoy.config.route.v3.FilterConfig', { disabled: true });

/** On a route: switch on a filter that is off in the listener, with the settings that it has there. */
export const switchOn: object = typed('envoy.config.route.v3.FilterConfig', { config: {} });
