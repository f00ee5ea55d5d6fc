import { typed } from '../../proto/xds/loader.ts';
import type { UpstreamTls } from '../config/schema-parts.ts';

/** Without a file of its own, the authorities that Debian, Alpine and Envoy's image keep here. */
const SYSTEM_CA = '/etc/ssl/certs/ca-certificates.crt';

const file = (filename: string) => ({ filename });

/** TLS towards replicas. The certificate is always checked; its name only when one is configured. */
export function upstreamTls(tls: UpstreamTls): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      ...(tls.serverName !== undefined && { sni: tls.serverName }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2' },
        ...(tls.certificateFile !== undefined && tls.keyFile !== undefined && { tls_certificates: [{ certificate_chain: file(tls.certificateFile), private_key: file(tls.keyFile) }] }),
        validation_context: {
          trusted_ca: file(tls.caFile ?? SYSTEM_CA),
          ...(tls.serverName !== undefined && { match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: tls.serverName } }] }),
        },
      },
    }),
  };
}
