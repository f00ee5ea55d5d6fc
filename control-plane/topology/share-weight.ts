/** Endpoint weights are shares of this many. */
const WHOLE = 10_000;

/**
 * Splits new sessions over replicas: first among backends by weight, then evenly inside each. `taking` says how many replicas of each backend
 * take new sessions; backends with none are left out, so that no share goes nowhere. Returns the share of one replica, by backend.
 */
export function shareWeights(
  weights: ReadonlyMap<string, number>,
  taking: ReadonlyMap<string, number>,
): Map<string, number> {
  const eligible = [...weights]
    .map(([backend, weight]) => ({ backend, weight, replicas: taking.get(backend) ?? 0 }))
    .filter(({ weight, replicas }) => weight > 0 && replicas > 0);
  const sum = eligible.reduce((total, { weight }) => total + weight, 0);
  return new Map(
    eligible.map(({ backend, weight, replicas }) => [
      backend,
      Math.max(1, Math.round((WHOLE * weight) / sum / replicas)),
    ]),
  );
}
