/** One Envoy as resources are built for it. Addresses are `ip:port`, `[ipv6]:port` or `unix:/path`. */
export interface EnvoyNode {
  id: string;
  role: 'gateway' | 'edge';
  /** Where clients connect. */
  listen: string;
  /** ext_proc and access log service of this node's sidecar processes. */
  extProc: readonly string[];
  /** Relay of this node's sidecar processes. */
  relay: readonly string[];
  /** The server whose pod it is in; absent: it is in none. */
  server?: string;
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

/** Reads what a node says of itself (envoy/bootstrap.ts); undefined when it is not one of ours. */
export function readEnvoyNode(id: string, metadata: unknown): EnvoyNode | undefined {
  if (metadata === null || typeof metadata !== 'object') return undefined;
  const { role, listen, extProc, relay, server } = metadata as Record<string, unknown>;
  if (id === '' || (role !== 'gateway' && role !== 'edge') || typeof listen !== 'string') return undefined;
  return {
    id,
    role,
    listen,
    extProc: texts(extProc),
    relay: texts(relay),
    ...(typeof server === 'string' && { server }),
  };
}
