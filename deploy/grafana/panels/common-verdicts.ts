import { of, orZero, verdict } from '../panel.ts';

/** Verdicts that stand in the first row of several dashboards. Each call makes a panel of its own: builders keep where they stand. */
export const sessionsLost = (description: string) =>
  verdict(
    'Sessions lost, last hour',
    'short',
    description,
    orZero(`sum(increase(${of('mcp_session_lost_total')}[1h]))`),
    { alarm: 1, decimals: 0 },
  );

export const sessionsMoved = () =>
  verdict(
    'Sessions moved, last hour',
    'short',
    'Sessions that were rebuilt on another replica; clients did not notice.',
    orZero(`sum(increase(${of('mcp_session_recoveries_total', 'result="recovered"')}[1h]))`),
    { alarm: 1e9, decimals: 0 },
  );

export const breakersNotClosed = () =>
  verdict(
    'Breakers not closed',
    'short',
    'Replicas and tools that are shut out at the moment. Alert: BreakerOpen.',
    orZero(`count(max by (server_id, level, key) (${of('mcp_breaker_not_closed')}))`),
    { alarm: 1, bad: 'orange' },
  );
