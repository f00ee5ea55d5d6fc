import type { Attribute } from './attribute.ts';

/** cert-manager's kinds (cert-manager.io/v1), with the fields that components/cert-manager may have. Stricter than the published ones, as monitor-types.ts. */
const kind = (spec: string): Record<string, string> => ({
  apiVersion: 'string',
  kind: 'string',
  metadata: 'V1ObjectMeta',
  spec,
});
const TYPES: Record<string, Record<string, string>> = {
  CertManagerIssuer: kind('CertManagerIssuerSpec'),
  CertManagerIssuerSpec: { selfSigned: 'CertManagerSelfSigned', ca: 'CertManagerAuthority' },
  CertManagerSelfSigned: {},
  CertManagerAuthority: { secretName: 'string' },
  CertManagerCertificate: kind('CertManagerCertificateSpec'),
  CertManagerCertificateSpec: {
    isCA: 'boolean',
    commonName: 'string',
    secretName: 'string',
    duration: 'string',
    renewBefore: 'string',
    privateKey: 'CertManagerPrivateKey',
    usages: 'Array<string>',
    dnsNames: 'Array<string>',
    uris: 'Array<string>',
    issuerRef: 'CertManagerIssuerRef',
  },
  CertManagerPrivateKey: { algorithm: 'string', size: 'number', rotationPolicy: 'string' },
  CertManagerIssuerRef: { group: 'string', kind: 'string', name: 'string' },
};

/** Types by the names they have here, in the form that Kubernetes' own models have. */
export const CERTIFICATE_MODELS: Record<string, { getAttributeTypeMap(): Attribute[] }> = Object.fromEntries(
  Object.entries(TYPES).map(([name, fields]) => [
    name,
    { getAttributeTypeMap: () => Object.entries(fields).map(([baseName, type]) => ({ baseName, type })) },
  ]),
);
