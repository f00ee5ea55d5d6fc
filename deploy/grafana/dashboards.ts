import type { Dashboard } from './dashboard.ts';
import { fleet } from './panels/fleet.ts';
import { rollout } from './panels/rollout.ts';
import { server } from './panels/server.ts';
import { sessionLife } from './panels/session-life.ts';

/** File name → dashboard. */
export const DASHBOARDS: Record<string, Dashboard> = { fleet, server, 'session-life': sessionLife, rollout };
