import { detach } from '../../../proto/detach.ts';
import type { ServerView } from '../../xds/topology.ts';
import { asAsked } from '../../principal/identities.ts';
import type { RelayContext } from '../relay-context.ts';

/**
 * The replica accepted a request of a session. From now on the session may be rebuilt with the credentials of that request, for example a
 * refreshed token. A request without credentials changes nothing.
 */
export function noteAccepted(
  { directory, identities, internalError }: Pick<RelayContext, 'directory' | 'identities' | 'internalError'>,
  { policy }: Pick<ServerView, 'policy'>,
  digest: string,
  headers: readonly string[],
): void {
  const record = directory.peek(policy.name, digest);
  if (!record || (record.credentials !== undefined && identities.mayRebuild(record, headers, policy))) return;
  const credentials = identities.credentialsOf(headers, asAsked(policy, record.type));
  if (credentials === null) return;
  detach(
    directory.amend(policy.name, digest, (was) => ({ ...was, credentials, hasCredentials: true })),
    (error) => internalError('relay', error),
  );
}
