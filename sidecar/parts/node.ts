import type { Logger } from 'pino';
import { networkInterfaces } from 'node:os';
import { describeError } from '../../proto/describe-error.ts';
import type { Heartbeat } from '../../proto/heartbeat.ts';
import { steadyNow } from '../../proto/steady-clock.ts';
import { ownAddresses } from '../identity/own-addresses.ts';
import type { ErrorPlace } from '../metrics/error-place.ts';
import { createMetrics, type Metrics } from '../metrics/metrics.ts';
import { reachedAt } from '../settings/reached-at.ts';
import type { SidecarSettings } from '../settings/read-settings.ts';

/** One sidecar process: what it was told, what it counts, and how far it is in its life. */
export interface Node {
  settings: SidecarSettings;
  nodeId: string;
  version: string;
  log: Logger;
  metrics: Metrics;
  /** Never goes back (proto/steady-clock.ts). */
  now: () => number;
  /** It was told of its servers, and its ports are open. */
  isServing: boolean;
  isDraining: boolean;
  /** By which host others reach what listens on this one. */
  hostOf(host: string): string;
  /** What this node says of itself. */
  heartbeat(): Heartbeat;
  /** A failure of the sidecar's own code. It costs one request, one stream or one round of a timer. */
  internalError(where: ErrorPlace, error: unknown, traceId?: string | null): void;
  failing(where: ErrorPlace): (error: unknown) => void;
}

export function createNode(settings: SidecarSettings, version: string, log: Logger): Node {
  const { nodeId } = settings;
  const metrics = createMetrics({ version, nodeId });
  const internalError: Node['internalError'] = (where, error, traceId = null) => {
    metrics.path.internalError(where);
    log.error({ where, traceId, error: describeError(error) }, 'an internal error was contained');
  };
  const hostOf = (host: string): string => reachedAt(host, settings.advertise, networkInterfaces());
  const node: Node = {
    settings,
    nodeId,
    version,
    log,
    metrics,
    now: steadyNow,
    isServing: false,
    isDraining: false,
    hostOf,
    heartbeat: () => ({
      ...ownAddresses(settings, hostOf),
      nodeId,
      version,
      isDraining: node.isDraining,
      // Others compare it with clocks of their own.
      atMs: Date.now(),
    }),
    internalError,
    failing: (where) => (error) => internalError(where, error),
  };
  return node;
}
