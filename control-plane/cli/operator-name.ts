import { hostname, userInfo } from 'node:os';

/** Who the events say did it: HOLDFAST_BY, else the user of this machine. */
export function operatorName(env: Readonly<Record<string, string | undefined>>): string {
  const given = env['HOLDFAST_BY'];
  if (given !== undefined && given.trim() !== '') return given.trim();
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A container's user may have no name.
    return `uid ${process.getuid?.() ?? 'unknown'}@${hostname()}`;
  }
}
