import type { Route } from '../route.ts';
import { breakerRoutes } from './breakers.ts';
import { callRoutes } from './calls.ts';
import { configRoutes } from './config.ts';
import { doctorRoutes } from './doctor.ts';
import { drainRoutes } from './drains.ts';
import { eventRoutes } from './events.ts';
import { liveRoutes } from './live.ts';
import { rolloutRoutes } from './rollouts.ts';
import { sessionRoutes } from './sessions.ts';
import { statusRoutes } from './status.ts';

/** Everything below /v1. */
export const routes: readonly Route[] = [
  ...statusRoutes,
  ...sessionRoutes,
  ...drainRoutes,
  ...rolloutRoutes,
  ...breakerRoutes,
  ...eventRoutes,
  ...callRoutes,
  ...configRoutes,
  ...doctorRoutes,
  ...liveRoutes,
];
