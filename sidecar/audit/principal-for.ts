import type { ServerPolicy } from '../../proto/server-policy.ts';
import { subjectOfClaims } from '../principal/claims.ts';
import { userIdOf } from '../../proto/session-record.ts';
import type { Identities, Shown } from '../principal/identities.ts';

/** Who asks, for the audit trail: issuer and subject of a verified token; elsewhere the digest that `holdfast sessions` shows. Undefined: no trail. */
export function principalFor(
  identities: Pick<Identities, 'principalOf'>,
  shown: Shown,
  policy: ServerPolicy | undefined,
): string | null | undefined {
  if (!policy?.audit) return undefined;
  const subject = policy.jwt && shown.claims ? subjectOfClaims(shown.claims) : null;
  if (subject) return `${subject.issuer} ${subject.subject}`;
  const digest = identities.principalOf(shown, policy);
  return digest === null ? null : userIdOf(digest);
}
