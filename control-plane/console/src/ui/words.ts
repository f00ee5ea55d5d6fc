/** Numbers as people read them. */
export const perSecond = (value: number): string =>
  value === 0 ? '0/s' : value < 10 ? `${value.toFixed(1)}/s` : `${Math.round(value).toLocaleString('en')}/s`;

export const duration = (ms: number | null | undefined): string => {
  if (ms === null || ms === undefined) return '–';
  if (ms === 0) return '0 ms';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
};

export const percent = (share: number): string => {
  if (share === 0) return '0 %';
  return share < 0.01 ? `${(share * 100).toFixed(2)} %` : `${(share * 100).toFixed(1)} %`;
};

export const count = (value: number, one: string, many = `${one}s`): string =>
  `${value.toLocaleString('en')} ${value === 1 ? one : many}`;

export const clock = (ms: number): string =>
  new Date(ms).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** For `<time>`. A number that somebody else wrote may be no date. */
export const machineTime = (ms: number): string => {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
};

export const dateAndTime = (ms: number): string => `${new Date(ms).toLocaleDateString('en-CA')} ${clock(ms)}`;

export const ago = (ms: number, nowMs = Date.now()): string => {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
};

/** What a state means, in a few words. */
export const STATE_WORDS: Record<string, string> = {
  active: 'takes sessions',
  draining: 'draining',
  standby: 'standby',
  unhealthy: 'unhealthy',
  lost: 'gone',
};
