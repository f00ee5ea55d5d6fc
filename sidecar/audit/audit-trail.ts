import type { Audit } from '../../proto/audit.ts';
import { detach } from '../../proto/detach.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { sessionDigest, userIdOf } from '../../proto/session-record.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { auditRecord, type AuditSink } from './audit-record.ts';

export interface AuditTrailOptions {
  policy: (server: string) => Pick<ServerPolicy, 'audit'> | undefined;
  /** Keyed digest of the principal that a session belongs to; null: nobody's, or not known here. */
  ownerOf: (server: string, digest: string) => string | null;
  /** Opens the place that a server's section names. */
  open: (audit: Audit) => AuditSink;
  onError: (error: unknown) => void;
}

/** Writes who called what, for servers with `audit`. A sink of the OutcomeBus, so it never holds a call up. */
export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #sinks = new Map<string, AuditSink>();
  /** The section that each server was last written by, and the key of its sink. */
  readonly #ways = new Map<string, { audit: Audit; key: string }>();

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  readonly note = (outcome: Outcome): void => {
    const audit = this.#options.policy(outcome.server)?.audit;
    if (audit) this.#sink(outcome.server, audit).write(auditRecord(outcome, this.#principal(outcome)));
  };

  async close(): Promise<void> {
    await Promise.all([...this.#sinks.values()].map((sink) => sink.close()));
  }

  #principal({ server, session, principal }: Outcome): string | null {
    if (principal !== undefined) return principal;
    const owner = session === null ? null : this.#options.ownerOf(server, sessionDigest(session));
    return owner === null ? null : userIdOf(owner);
  }

  /** Servers with equal sections share a place. One that nobody writes to any more is closed. */
  #sink(server: string, audit: Audit): AuditSink {
    const former = this.#ways.get(server);
    const key = former?.audit === audit ? former.key : JSON.stringify(audit);
    const sink = this.#sinks.get(key) ?? this.#options.open(audit);
    this.#sinks.set(key, sink);
    this.#ways.set(server, { audit, key });
    if (former !== undefined && former.key !== key) this.#leave(former.key);
    return sink;
  }

  #leave(key: string): void {
    const left = [...this.#ways.values()].every((way) => way.key !== key) ? this.#sinks.get(key) : undefined;
    if (!left) return;
    this.#sinks.delete(key);
    detach(() => left.close(), this.#options.onError);
  }
}
