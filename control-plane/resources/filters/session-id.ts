import { typed } from '../../../proto/xds/loader.ts';
import { HEADER, METADATA } from '../../../proto/wire.ts';
import { FILTER } from './names.ts';

/** Metadata key of what follows the `~`. */
const UPSTREAM = 'upstream';

const from = (key: string): string => `%DYNAMIC_METADATA(${METADATA.namespace}:${key})%`;
const append = (key: string, value: string, append_action: string): object => ({
  append: { header: { key, value }, append_action },
});

/** Takes the client's session id apart. An id without a `~` is kept whole. Native, because Lua cost 6 µs a request more. */
export const sessionToMetadata: object = {
  name: FILTER.sessionToMetadata,
  typed_config: typed('envoy.extensions.filters.http.header_to_metadata.v3.Config', {
    request_rules: [
      {
        header: HEADER.sessionId,
        on_header_present: {
          metadata_namespace: METADATA.namespace,
          key: UPSTREAM,
          regex_value_rewrite: { pattern: { regex: '^[^~]*~' }, substitution: '' },
        },
      },
      {
        header: HEADER.sessionId,
        on_header_present: { metadata_namespace: METADATA.namespace, key: METADATA.session },
      },
    ],
  }),
};

/** Sends the replica its own id and keeps the client's beside it; puts the client's back wherever the replica echoes its own. */
export const sessionHeaders: object = {
  name: FILTER.sessionHeaders,
  typed_config: typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
    mutations: {
      // Without a session the values are empty, and Envoy adds nothing.
      request_mutations: [
        append(HEADER.session, from(METADATA.session), 'OVERWRITE_IF_EXISTS_OR_ADD'),
        append(HEADER.sessionId, from(UPSTREAM), 'OVERWRITE_IF_EXISTS_OR_ADD'),
      ],
      response_mutations: [append(HEADER.sessionId, from(METADATA.session), 'OVERWRITE_IF_EXISTS')],
    },
  }),
};

/** Before other hosts: the relay, for a request beyond a limit; nothing for any other. */
export const RELAY_IF_LIMITED = `%REQ(${HEADER.rateLimited})%`;

/** What a steady slot's route adds: where its sessions live. */
export const pinTo = (hosts: string): object =>
  typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', {
    mutations: { request_mutations: [append(HEADER.host, hosts, 'OVERWRITE_IF_EXISTS_OR_ADD')] },
  });

/**
 * What a route adds before the sidecar is asked by a unary call. It names the request's server, which
 * `request_headers_to_add` would add later. It also says who takes the request when the sidecar does not answer.
 */
export const toServer = (server: string, undecided: string): object =>
  typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute', {
    mutations: {
      request_mutations: [
        append(HEADER.server, server, 'OVERWRITE_IF_EXISTS_OR_ADD'),
        ...(undecided === '' ? [] : [append(HEADER.host, undecided, 'OVERWRITE_IF_EXISTS_OR_ADD')]),
      ],
    },
  });
