import { readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { adminApi, type AdminApi } from '../admin/api.ts';
import { consoleFiles } from '../admin/console-files.ts';
import { consoleParts } from '../admin/console-parts.ts';
import { consoleMetrics } from '../metrics/console-metrics.ts';
import { SharedLiveFeed } from '../watch/live-feed.ts';
import { probeWrites } from '../../proto/redis/probe-writes.ts';
import { redisBreakerControl } from '../admin/breaker-control.ts';
import { configFile } from '../admin/config-file.ts';
import type { AdminContext } from '../admin/context.ts';
import { redisCallWatch } from '../watch/call-watch.ts';
import { redisSessionReader } from '../admin/session-reader.ts';
import type { Stores } from './stores.ts';

type FromOthers = Pick<
  AdminContext,
  | 'id'
  | 'version'
  | 'config'
  | 'topology'
  | 'discovery'
  | 'nodes'
  | 'withoutHeartbeat'
  | 'probes'
  | 'drains'
  | 'rollouts'
  | 'versions'
  | 'sla'
  | 'now'
>;

export interface AdminOptions extends FromOthers {
  stores: Stores;
  /** The configuration file that this process follows. */
  file: string;
  env: Readonly<Record<string, string | undefined>>;
  onError: (error: unknown) => void;
  registry: Registry;
}

/** What the admin API shows and changes, out of what the control plane holds. */
export function adminContext({ stores, file, env, onError, registry, ...others }: AdminOptions): AdminContext {
  const { redis, events, lease } = stores;
  const known: Omit<AdminContext, 'live'> = {
    ...others,
    events,
    lease,
    startedAtMs: others.now(),
    file: configFile(file, env),
    pingStore:
      redis &&
      (async () => {
        const startedMs = performance.now();
        await probeWrites(redis, 'control-plane');
        return performance.now() - startedMs;
      }),
    sessions: redis && redisSessionReader(redis),
    breakers: redis && redisBreakerControl(redis, others.now),
    calls: redis && redisCallWatch({ redis, now: others.now, onError }),
  };
  const metrics = consoleMetrics(registry);
  const live = new SharedLiveFeed({
    ...consoleParts({ ...known, live: null }),
    now: others.now,
    onError,
    maxWatchers: () => others.config().controlPlane.consoleWatchers,
    onWatchers: metrics.watchers,
    onRefused: metrics.refused,
  });
  return { ...known, live };
}

/** The admin API and the console. Throws when the token's file can't be read. */
export async function adminHandler(
  context: AdminContext,
  tokenFile: string | null,
  onError: (error: unknown) => void,
): Promise<AdminApi> {
  const token = tokenFile === null ? null : readFileSync(tokenFile, 'utf8').trim();
  if (token === '') throw new Error(`${tokenFile} is empty: the admin API would be open to everybody`);
  const api = await adminApi({ context, token, onError });
  const files = await consoleFiles();
  return (request, response, url) => files(request, response, url) ?? api(request, response, url);
}
