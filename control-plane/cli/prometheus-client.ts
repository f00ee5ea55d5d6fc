import { request } from 'undici';
import type { AskPrometheus } from './prometheus-checks.ts';

const TIMEOUT_MS = 10_000;

/** Instant queries to a Prometheus (HTTP API v1). Rejects with what was wrong, in words. */
export const askPrometheus = (url: string): AskPrometheus => async (query) => {
  const { statusCode, body } = await request(`${url.replace(/\/+$/, '')}/api/v1/query`, {
    method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams({ query }).toString(), signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: Error & { code?: string }) => { throw new Error(error.code ?? error.message); });
  const answer = await body.json().catch(() => null) as { status?: string; error?: string; data?: { result?: { metric: Record<string, string>; value: [number, string] }[] } } | null;
  if (statusCode !== 200 || answer?.status !== 'success') throw new Error(answer?.error ?? `HTTP ${statusCode}: is it a Prometheus?`);
  return (answer.data?.result ?? []).map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
};
