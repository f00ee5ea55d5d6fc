/**
 * Whether what npm installed (`node_modules/.package-lock.json`) is not what the lockfile asks for. Contents, not times: a fresh
 * checkout or an `npm install` leaves the two files' times in either order.
 * @param {{packages?: Record<string, {version?: string, optional?: boolean, devOptional?: boolean}>} | undefined} locked
 * @param {{packages?: Record<string, {version?: string}>} | undefined} installed
 * @returns {boolean}
 */
export function packagesDiffer(locked, installed) {
  if (!locked?.packages) return false;
  if (!installed?.packages) return true;
  return Object.entries(locked.packages).some(
    ([path, { version, optional, devOptional }]) =>
      path !== '' && !optional && !devOptional && installed.packages[path]?.version !== version,
  );
}
