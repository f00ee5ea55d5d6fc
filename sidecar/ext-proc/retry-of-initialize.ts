import type { ServerPolicy } from '../../proto/server-policy.ts';
import { HEADER } from '../../proto/wire.ts';

/** Envoy may send an initialize to the next host whatever happened to the first: a session that nobody was told of harms nobody. */
const RETRY_INITIALIZE = 'connect-failure,refused-stream,reset';

/** A replica that took it and says nothing is such a host, too: nobody knows yet that it hangs. The relay is next, and asks another one. */
export const retryOfInitialize = ({ timeouts }: Pick<ServerPolicy, 'timeouts'>): Record<string, string> => ({
  [HEADER.retryOn]: RETRY_INITIALIZE,
  [HEADER.attemptMs]: String(timeouts.initializeMs),
});
