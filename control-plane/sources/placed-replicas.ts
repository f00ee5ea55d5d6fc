/**
 * The replicas that gateways are told of: those that have a slot. No session can name one without; to wait for it would be to wait for ever where pods
 * come all the time. Null at the first word, while one has none yet: it may be one of which sessions know from before.
 */
export function placedReplicas<T>(
  replicas: readonly T[],
  hasSlot: (replica: T) => boolean,
  isFirstWord: boolean,
): readonly T[] | null {
  const placed = replicas.filter(hasSlot);
  return isFirstWord && placed.length < replicas.length ? null : placed;
}
