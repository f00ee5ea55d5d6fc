import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { roleMatcher } from '../proto/identity/mesh-name.ts';

/** Files of a node's certificate and of the authority, towards control planes. */
export interface ControlPlaneTls {
  certificateFile: string;
  keyFile: string;
  caFile: string;
  /** The mesh whose control plane it must be; of whatever mesh that the authority signs for when left out. */
  trustDomain?: string;
  /** Where the caller writes `identitySecrets`. Without it Envoy reads the certificate once, at its start. */
  secretsFile?: string;
}

const CERTIFICATE = 'identity/certificate';
const SECRET = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const file = (filename: string): object => ({ filename });

/** What Envoy shows to control planes and wants to be shown. It watches files only of secrets that have come by SDS, and a file can be their source. */
export function identityContext({
  certificateFile,
  keyFile,
  caFile,
  trustDomain,
  secretsFile,
}: ControlPlaneTls): object {
  const validation_context = {
    trusted_ca: file(caFile),
    match_typed_subject_alt_names: [roleMatcher(trustDomain ?? null, 'control-plane')],
  };
  if (secretsFile === undefined)
    return {
      tls_certificates: [{ certificate_chain: file(certificateFile), private_key: file(keyFile) }],
      validation_context,
    };
  const sds_config = { path_config_source: { path: secretsFile }, resource_api_version: 'V3' };
  return { tls_certificate_sds_secret_configs: [{ name: CERTIFICATE, sds_config }], validation_context };
}

/** Text of `secretsFile`, of which Envoy takes one secret: a renewed certificate is taken up when it is moved into its place. */
export const identitySecrets = ({ certificateFile, keyFile }: ControlPlaneTls): string =>
  stringify({
    resources: [
      {
        '@type': SECRET,
        name: CERTIFICATE,
        tls_certificate: {
          certificate_chain: file(certificateFile),
          private_key: file(keyFile),
          watched_directory: { path: dirname(certificateFile) },
        },
      },
    ],
  });
