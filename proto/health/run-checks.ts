import { withinMs } from '../within-ms.ts';

/** What one check found. `details` are for people; never secrets. */
export interface CheckResult {
  healthy: boolean;
  details?: Record<string, unknown>;
  error?: string;
}

export interface HealthCheck {
  name: string;
  /** False: without it the process goes on serving (Redis, a neighbour), so that a balancer must not take it out. Default true. */
  isCritical?: boolean;
  check: () => Promise<CheckResult> | CheckResult;
}

export interface CheckReport {
  name: string;
  healthy: boolean;
  responseTimeMs: number;
  details: Record<string, unknown>;
  error: string | null;
}

/** Body of `/health`. degraded: something is wrong that does not keep this process from serving. */
export interface HealthReport {
  status: 'healthy' | 'degraded' | 'unhealthy';
  timestamp: string;
  checks: CheckReport[];
}

/** 503 for unhealthy, else 200. */
export const httpStatusOf = (report: HealthReport): number => (report.status === 'unhealthy' ? 503 : 200);

/** Runs all checks side by side: a hanging one costs its timeout, not the others' answers. Never rejects. */
export async function runChecks(checks: readonly HealthCheck[], timeoutMs: number): Promise<HealthReport> {
  const reports = await Promise.all(
    checks.map(async ({ name, check }): Promise<CheckReport> => {
      const startedMs = performance.now();
      const late = (): CheckResult => ({ healthy: false, error: `no answer within ${timeoutMs} ms` });
      const checking = Promise.resolve()
        .then(check)
        .catch((error: Error): CheckResult => ({ healthy: false, error: error.message }));
      const result = await withinMs(timeoutMs, checking, late);
      return {
        name,
        healthy: result.healthy,
        responseTimeMs: Math.round(performance.now() - startedMs),
        details: result.details ?? {},
        error: result.error ?? null,
      };
    }),
  );
  const isBroken = (isCritical: boolean): boolean =>
    reports.some(({ healthy }, index) => !healthy && (checks[index]?.isCritical ?? true) === isCritical);
  return {
    status: isBroken(true) ? 'unhealthy' : isBroken(false) ? 'degraded' : 'healthy',
    timestamp: new Date().toISOString(),
    checks: reports,
  };
}
