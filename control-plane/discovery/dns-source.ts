import { Resolver as NodeResolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DnsDiscovery } from '../config/backend-schema.ts';
import { refreshAfterMs, resolveReplicas, type Resolver } from './dns-answer.ts';
import type { Source, SourceSink } from './source.ts';

/** Tries of one question and time for each: three name servers are asked in turn before a round counts as failed. */
const TIMEOUT_MS = 2000,
  TRIES = 2;

/**
 * Follows a DNS name. An answer of "no such name" or "no records" counts as a failure, because a broken zone must not
 * empty a server. Probes find replicas that are really gone.
 */
export function startDnsSource(config: DnsDiscovery, sink: SourceSink): Source {
  const nodeResolver = new NodeResolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (config.resolvers.length > 0) nodeResolver.setServers(config.resolvers);
  const resolver = overNode(nodeResolver);
  const stopping = new AbortController();
  const ended = (async () => {
    while (!stopping.signal.aborted) {
      let pauseMs = config.minRefreshMs;
      try {
        const { replicas, ttlsSeconds } = await resolveReplicas(resolver, config);
        pauseMs = refreshAfterMs(ttlsSeconds, config);
        if (!stopping.signal.aborted) sink.replicas(replicas);
      } catch (error) {
        if (!stopping.signal.aborted) sink.problem(`DNS ${config.record} ${config.name}: ${description(error)}`);
      }
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    stop: () => {
      stopping.abort();
      nodeResolver.cancel();
      return ended;
    },
  };
}

function overNode(resolver: NodeResolver): Resolver {
  return {
    addresses: (name, family) =>
      family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true }),
    services: (name) => resolver.resolveSrv(name),
  };
}

const MEANINGS: Record<string, string> = {
  ENOTFOUND: 'there is no such name',
  ENODATA: 'the name has no such records',
  ETIMEOUT: 'no name server answered in time',
  ECONNREFUSED: 'no name server listens there',
  ESERVFAIL: 'the name server failed',
};
const description = (error: unknown): string => {
  const { code = '', message } = (error ?? {}) as { code?: string; message?: string };
  return MEANINGS[code] ?? (code || message || 'unknown');
};
