import { QUERY } from '../../../proto/wire.ts';
import type { ServerView } from '../../xds/topology.ts';

/**
 * The query of a live request with its `?`, without the mesh's own part; empty when there is none. Servers take keys and tool sets from it, so it goes
 * wherever the request's headers go. It may hold secrets: it is never stored.
 */
export function liveQuery(path: string): string {
  const at = path.indexOf('?');
  if (at < 0) return '';
  const pairs = path.slice(at + 1).split('&');
  const kept = pairs.filter((pair) => pair !== '' && pair.split('=', 1)[0] !== QUERY.sseSession);
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** The server as one request sees it: what the relay itself asks of a replica meanwhile has that request's query. */
export const withQuery = (view: ServerView, query: string): ServerView =>
  query === '' ? view : { ...view, policy: { ...view.policy, path: view.policy.path + query } };
