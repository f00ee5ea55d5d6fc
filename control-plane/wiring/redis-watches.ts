import type { InternalErrors } from '../../proto/internal-errors.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import { CHANNEL } from '../../proto/wire.ts';
import { parseReport, type ReplicaReport } from '../probe/reports.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import { BreakerWatch } from './breaker-watch.ts';
import { watchChannel } from './channel-watch.ts';
import type { GatewayRegistry } from '../membership/gateway-registry.ts';
import { watchHeartbeats } from './heartbeat-watch.ts';

export interface RedisWatchOptions {
  /** null with SESSION_STORE=memory: nobody says anything. */
  redis: RedisClient | null;
  servers: () => readonly string[];
  gateways: GatewayRegistry;
  onReport: (report: ReplicaReport) => void;
  onChange: () => void;
  errors: InternalErrors;
}

export interface RedisWatches {
  openBreakers: () => TopologyInputs['openBreakers'];
  /** Once everything was read, or could not be. */
  looked: Promise<unknown>;
  stop: () => void;
}

/** Follows what gateways say through Redis: complaints about replicas, breakers, heartbeats. */
export function watchRedis({ redis, servers, gateways, onReport, onChange, errors }: RedisWatchOptions): RedisWatches {
  if (redis === null) return { openBreakers: () => [], looked: Promise.resolve(), stop: () => {} };
  const caught = (where: string) => (error: unknown) => errors.report(where, error);
  const hear = (text: string) => {
    const report = parseReport(text);
    if (report) onReport(report);
  };
  const stopReports = watchChannel(anotherConnection(redis), CHANNEL.reports, hear, caught('reports'));
  const breakers = new BreakerWatch({ redis, subscriber: anotherConnection(redis), servers, onChange, errors });
  const heartbeats = watchHeartbeats(redis, gateways, onChange, caught('heartbeats'));
  return {
    openBreakers: () => breakers.current(),
    looked: Promise.allSettled([breakers.looked, heartbeats.looked]),
    stop() {
      heartbeats.stop();
      stopReports();
      breakers.stop();
    },
  };
}
