import * as z from 'zod';

/** How a pod becomes a gateway of the mesh: what it sends to a control plane by HTTPS, and what it gets. */
export const JOIN_PATH = '/v1/join';
/** Audience of the ServiceAccount token that a pod shows: such a token is good for nothing else. */
export const JOIN_AUDIENCE = 'mesh.holdfast';

/** A token is about 1 kB, and a key 180 bytes. */
const MOST_CHARACTERS = 8192;
const text = z.string().min(1).max(MOST_CHARACTERS);

export const joinRequestSchema = z.object({
  /** Of the pod's ServiceAccount, bound to the pod. */
  token: text,
  /** The pod's own, PEM (SPKI), ECDSA P-256; the private key never leaves the pod. */
  publicKey: text,
  /** Signature of `provedText` by the private key (ECDSA, SHA-256, DER), base64: nobody gets a certificate for another one's key. */
  proof: text,
});
export type JoinRequest = z.infer<typeof joinRequestSchema>;

export const provedText = ({ token, publicKey }: Omit<JoinRequest, 'proof'>): string =>
  `holdfast join\n${token}\n${publicKey}`;

export const joinAnswerSchema = z.object({
  /** `<namespace>.<pod>`. */
  nodeId: z.string().min(1),
  /** PEM, for the public key of the request. */
  certificate: z.string().min(1),
  /** Authorities of the mesh, PEM. */
  authorities: z.string().min(1),
  redisUrl: z.string().min(1),
  /** Authorities of Redis's certificate, PEM; null: public ones. */
  redisAuthorities: z.string().min(1).nullable(),
});
export type JoinAnswer = z.infer<typeof joinAnswerSchema>;

/** Names of the files of a pod that joined, beside those of any certificate folder. */
export const JOINED_FILES = { redisUrl: 'redis-url', redisCa: 'redis-ca.crt', source: 'join.json' } as const;
