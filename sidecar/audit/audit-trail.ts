import type { Outcome } from '../../proto/outcome.ts';
import { sessionDigest } from '../../proto/session-record.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { userIdOf } from '../principal/identities.ts';
import { AuditFile } from './audit-file.ts';
import { auditRecord } from './audit-record.ts';

export interface AuditTrailOptions {
  policy: (server: string) => Pick<ServerPolicy, 'audit'> | undefined;
  /** Keyed digest of the principal that a session belongs to; null: nobody's, or not known here. */
  ownerOf: (server: string, digest: string) => string | null;
  onLost: (count: number) => void;
  now: () => number;
}

/** Writes who called what, for servers with `audit`. A sink of the OutcomeBus, so it never holds a call up. */
export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #files = new Map<string | null, AuditFile>();

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  readonly note = (outcome: Outcome): void => {
    const audit = this.#options.policy(outcome.server)?.audit;
    if (!audit) return;
    this.#file(audit.file ?? null).write(auditRecord(outcome, this.#principal(outcome)));
  };

  async close(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.close()));
  }

  #principal({ server, session, principal }: Outcome): string | null {
    if (principal !== undefined) return principal;
    const owner = session === null ? null : this.#options.ownerOf(server, sessionDigest(session));
    return owner === null ? null : userIdOf(owner);
  }

  #file(name: string | null): AuditFile {
    const known = this.#files.get(name) ?? new AuditFile(name, this.#options.onLost, this.#options.now);
    this.#files.set(name, known);
    return known;
  }
}
