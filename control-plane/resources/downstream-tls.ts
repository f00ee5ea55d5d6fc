import { dirname } from 'node:path';
import { typed } from '../../proto/xds/loader.ts';
import type { ListenerTls } from '../config/schema-parts.ts';

const watched = (filename: string): object => ({ filename });

/** TLS of a listener. Envoy watches the files' folder and takes up renewed certificates without a reload. */
export function downstreamTls(tls: ListenerTls): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
      require_client_certificate: tls.clientCaFile !== undefined,
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        tls_certificates: [{
          certificate_chain: watched(tls.certificateFile), private_key: watched(tls.keyFile),
          watched_directory: { path: dirname(tls.certificateFile) },
        }],
        ...(tls.clientCaFile !== undefined && { validation_context: { trusted_ca: watched(tls.clientCaFile), watched_directory: { path: dirname(tls.clientCaFile) } } }),
      },
    }),
  };
}
