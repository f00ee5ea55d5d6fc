import { dirname } from 'node:path';
import { typed } from '../../proto/xds/loader.ts';
import { SYSTEM_CA_FILE } from '../../proto/tls/replica-tls.ts';
import { roleMatcher } from '../../proto/identity/mesh-name.ts';
import { overAds } from './cluster-parts.ts';
import type { ListenerTls, UpstreamTls } from '../config/schema-parts.ts';

const file = (filename: string): object => ({ filename });
const sds = (name: string): object => ({ name, sds_config: overAds });
const certificateOf = (owner: string): string => `${owner}/certificate`;
const authorityOf = (owner: string): string => `${owner}/authority`;
const versions = { tls_minimum_protocol_version: 'TLSv1_2' };

/**
 * Certificates are named by file. Envoy reads them where it runs and watches their folder, so renewed ones are taken
 * up, and keys never leave the machine. Envoy does that only for secrets that come by SDS, hence these.
 */
const secrets = (
  owner: string,
  certificate: { chain: string; key: string } | null,
  caFile: string | null,
  names: readonly object[],
): Array<[string, object]> => [
  ...(certificate === null
    ? []
    : [
        [
          certificateOf(owner),
          {
            name: certificateOf(owner),
            tls_certificate: {
              certificate_chain: file(certificate.chain),
              private_key: file(certificate.key),
              watched_directory: { path: dirname(certificate.chain) },
            },
          },
        ] satisfies [string, object],
      ]),
  ...(caFile === null
    ? []
    : [
        [
          authorityOf(owner),
          {
            name: authorityOf(owner),
            validation_context: {
              trusted_ca: file(caFile),
              watched_directory: { path: dirname(caFile) },
              ...(names.length > 0 && { match_typed_subject_alt_names: names }),
            },
          },
        ] satisfies [string, object],
      ]),
];

/** TLS of a listener. `owner` names its secrets. */
export const downstreamTls = (owner: string, tls: ListenerTls, isHttp2: boolean): object => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: typed('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    require_client_certificate: tls.clientCaFile !== undefined,
    common_tls_context: {
      alpn_protocols: [...(isHttp2 ? ['h2'] : []), 'http/1.1'],
      tls_params: versions,
      tls_certificate_sds_secret_configs: [sds(certificateOf(owner))],
      ...(tls.clientCaFile !== undefined && { validation_context_sds_secret_config: sds(authorityOf(owner)) }),
    },
  }),
});

export const downstreamSecrets = (owner: string, tls: ListenerTls): Array<[string, object]> =>
  secrets(owner, { chain: tls.certificateFile, key: tls.keyFile }, tls.clientCaFile ?? null, []);

const clientCertificate = (tls: UpstreamTls) =>
  tls.certificateFile === undefined || tls.keyFile === undefined
    ? null
    : { chain: tls.certificateFile, key: tls.keyFile };

/** TLS towards something. The certificate is always checked; its name only when one is configured. */
export const upstreamTls = (owner: string, tls: UpstreamTls): object => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
    ...(tls.serverName !== undefined && { sni: tls.serverName }),
    common_tls_context: {
      tls_params: versions,
      ...(clientCertificate(tls) && { tls_certificate_sds_secret_configs: [sds(certificateOf(owner))] }),
      validation_context_sds_secret_config: sds(authorityOf(owner)),
    },
  }),
});

export const upstreamSecrets = (owner: string, tls: UpstreamTls): Array<[string, object]> =>
  secrets(
    owner,
    clientCertificate(tls),
    tls.caFile ?? SYSTEM_CA_FILE,
    tls.serverName === undefined ? [] : [{ san_type: 'DNS', matcher: { exact: tls.serverName } }],
  );

/** Towards neighbours' sidecars: whatever their address, the certificate must be a gateway's. */
export const peerSecrets = (owner: string, tls: UpstreamTls, trustDomain: string | null): Array<[string, object]> =>
  secrets(owner, clientCertificate(tls), tls.caFile ?? SYSTEM_CA_FILE, [roleMatcher(trustDomain, 'gateway')]);
