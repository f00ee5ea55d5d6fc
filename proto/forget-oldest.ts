/** Takes out the entry that was put in first; nothing when the map is empty. */
export function forgetOldest<K>(map: Map<K, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
