/**
 * Methods that the specification's revisions name, and the HTTP verbs that carry none. A client may send any string as a method:
 * whatever isn't here counts as `other`, or one client could fill Prometheus.
 */
const KNOWN = new Set([
  'initialize',
  'ping',
  'server/discover',
  'completion/complete',
  'logging/setLevel',
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
  'notifications/initialized',
  'notifications/cancelled',
  'notifications/progress',
  'notifications/roots/list_changed',
  'GET',
  'DELETE',
  'response',
  'batch',
]);

/** Whether the specification names this method, or it is a verb that carries none. */
export const isKnownMethod = (method: string): boolean => KNOWN.has(method);
export const methodLabel = (method: string): string => (isKnownMethod(method) ? method : 'other');
