const FIRST_MS = 100;
const LONGEST_MS = 5000;

/**
 * Pause before the next attempt to reach a control plane. It is 0 while there are addresses that were not tried in
 * this round; then it doubles. Up to half of it is taken off at random, so that a fleet does not come back in step.
 */
export function pauseMs(failures: number, addresses: number, random: () => number): number {
  const rounds = Math.floor(failures / addresses);
  if (failures === 0 || failures % addresses !== 0) return 0;
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(rounds - 1, 16)) * (1 - random() / 2);
}
