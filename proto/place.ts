import * as z from 'zod';

/** Where clients reach a server, and what its replicas have there. The control plane makes these; no configuration has them. */
export const placeSchema = z.object({
  /** Host name of this server alone; null: every other. */
  host: z.string().nullable(),
  /** Path of the MCP endpoint, as clients use it. */
  path: z.string(),
  /** What stands before the replica's other paths: `/authorize` is at `<base>/authorize`. */
  base: z.string(),
  /** The endpoint's URL; null while nobody said how clients reach the mesh. */
  url: z.string().nullable(),
});
export type Place = z.infer<typeof placeSchema>;

/** The document of a protected resource (RFC 9728). */
export const RESOURCE_DOCUMENT = '/.well-known/oauth-protected-resource';
/** Those of an authorization server (RFC 8414, OpenID Connect Discovery). */
export const ISSUER_DOCUMENTS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
] as const;

/** Every path below which a place's documents may be asked for: before the resource's path (RFC 9728, 8414), or after the issuer's (OpenID). */
export function documentPaths({ path, base }: Place, hasIssuer: boolean): string[] {
  const issuers = hasIssuer
    ? ISSUER_DOCUMENTS.flatMap((document) => [`${document}${path}`, `${document}${base}`, `${base}${document}`])
    : [];
  return [...new Set([`${RESOURCE_DOCUMENT}${path}`, ...(base === '' ? [RESOURCE_DOCUMENT] : []), ...issuers])];
}
