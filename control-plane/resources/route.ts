import { HEADER, METADATA, RESOURCE, ROUTE_METADATA, routeName, type RouteKind } from '../../proto/wire.ts';
import { duration } from './duration.ts';
import { FILTER } from './filters/names.ts';
import { leaveOut } from './filters/ext-proc.ts';

/** What Envoy keeps of a request, to be able to hand it over and to read it, where a server does not say. */
export const DEFAULT_BODY_BYTES = 4 << 20;

export interface RouteOptions {
  server: string;
  kind: RouteKind;
  /** RouteMatch: its path, and nothing else. */
  path: object;
  cluster: string;
  /** Path on the replica. */
  rewrite: string;
  /** Whether Envoy reads bodies on this route. Where the relay does, its readers would be a third of its work for nothing. */
  readsBodies: boolean;
  retryPolicy?: object;
  maxBodyBytes: number;
  filters?: Record<string, object>;
  /**
   * Whether the server is named to the upstream. It is not where a filter does it, and not on steady routes, which
   * name a slot. Each header costs Envoy and the replica a microsecond.
   */
  namesServer?: boolean;
  action?: object;
  /** Origin for the replica: null leaves the page's, `none` removes it. */
  origin?: string | null;
  /** Nothing in either direction for this long ends it; 0: never. */
  quietMs?: number;
  /** WWW-Authenticate of Envoy's own 401. */
  challenge?: string | null;
}

/** The routing mode that the relay is told; without a word it is `steady`, because that is most requests. */
const MODE: Partial<Record<RouteKind, string>> = {
  guarded: 'steady',
  sse: 'relay',
  upgrade: 'steady',
  document: 'steady',
};
const add = (key: string, value: string): object => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
});

/** Only where the client sent one. */
const replace = (key: string, value: string): object => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS',
});

const removed = (names: string[]): object => (names.length > 0 ? { request_headers_to_remove: names } : {});
const added = (headers: object[]): object => (headers.length > 0 ? { request_headers_to_add: headers } : {});

/** One route. Answers may be as long as they like, and as quiet unless `quietMs` says otherwise: no timeout of Envoy cuts an event stream. */
export function route({
  server,
  kind,
  path,
  cluster,
  rewrite,
  readsBodies,
  retryPolicy,
  maxBodyBytes,
  filters,
  namesServer = true,
  action,
  quietMs = 0,
  challenge = null,
  origin = null,
}: RouteOptions): object {
  const perFilter = {
    ...(!readsBodies && { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut }),
    ...filters,
  };
  const mode = MODE[kind] ?? kind;
  return {
    name: routeName(server, kind),
    match: path,
    route: {
      cluster,
      timeout: '0s',
      idle_timeout: duration(quietMs),
      prefix_rewrite: rewrite,
      ...(retryPolicy && { retry_policy: retryPolicy }),
      ...action,
    },
    metadata: {
      filter_metadata: {
        [METADATA.namespace]: {
          [ROUTE_METADATA.server]: server,
          ...(challenge !== null && { [ROUTE_METADATA.challenge]: challenge }),
        },
      },
    },
    ...removed([
      ...(origin === 'none' ? ['origin'] : []),
      ...(cluster === RESOURCE.relayCluster ? [] : [HEADER.edgeSent]),
    ]),
    ...added([
      ...(origin === null || origin === 'none' ? [] : [replace('origin', origin)]),
      ...(namesServer ? [add(HEADER.server, server)] : []),
      ...(mode === 'steady' ? [] : [add(HEADER.mode, mode)]),
      ...(readsBodies ? [] : [add(HEADER.guard, '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%')]),
    ]),
    ...(maxBodyBytes !== DEFAULT_BODY_BYTES && { request_body_buffer_limit: maxBodyBytes }),
    ...(Object.keys(perFilter).length > 0 && { typed_per_filter_config: perFilter }),
  };
}
