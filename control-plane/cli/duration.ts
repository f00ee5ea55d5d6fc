import { usageError } from './exit-code.ts';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const isUnit = (text: string): text is keyof typeof UNIT_MS => text in UNIT_MS;

/** `500ms`, `60s`, `2m`, `1h`, `1d`; a bare number is seconds. */
export function durationMs(text: string, option: string): number {
  const [, count, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (count === undefined || !isUnit(unit))
    throw usageError(`${option}: ${JSON.stringify(text)} is not a time like 500ms, 60s, 2m or 1h`);
  return Math.round(Number(count) * UNIT_MS[unit]);
}

/** `3 s ago`, `5 min ago`; `-` for never. */
export function ago(atMs: number | null | undefined, now: number): string {
  if (atMs === null || atMs === undefined) return '-';
  const seconds = Math.max(0, Math.round((now - atMs) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7200
    ? `${Math.round(seconds / 60)} min ago`
    : seconds < 172_800
      ? `${Math.round(seconds / 3600)} h ago`
      : `${Math.round(seconds / 86_400)} days ago`;
}
