import type { Gate } from './gate.ts';
import type { Permit } from './gate-state.ts';
import type { BreakerLevel, Verdict } from './verdict.ts';

/** One level's share of a granted request. `key` is the slot or the tool that it was given for. */
export interface Held {
  gate: Gate;
  permit: Permit;
  key: string;
}
export type Grant = Partial<Record<BreakerLevel, Held>>;

/** Grants beyond this number are looked through for those that the gates took back. */
const SWEEP_AT = 1024;

/**
 * Trial permits whose outcome is still to come, by id. The id travels with the request (dynamic metadata in Envoy, a
 * field in the relay) and comes back in its outcome. The stream that asked for the permit ends long before the answer
 * does.
 */
export class PermitLedger {
  readonly #grants = new Map<string, Grant>();
  readonly #prefix: string;
  #count = 0;

  /** `prefix` tells this process's permits from its neighbours'. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get size(): number {
    return this.#grants.size;
  }

  add(grant: Grant): string {
    if (this.#grants.size >= SWEEP_AT) this.#sweep();
    const id = `${this.#prefix}-${(this.#count++).toString(36)}`;
    this.#grants.set(id, grant);
    return id;
  }

  /** Takes a grant out, so that it is settled once. */
  take(id: string | null | undefined): Grant | undefined {
    if (!id) return undefined;
    const grant = this.#grants.get(id);
    if (grant) this.#grants.delete(id);
    return grant;
  }

  /** Settles both levels alike; false when the id is unknown or was settled. */
  settleAll(id: string | null | undefined, verdict: Verdict, nowMs: number): boolean {
    const grant = this.take(id);
    if (!grant) return false;
    for (const held of [grant.replica, grant.tool]) held?.gate.settle(held.permit, verdict, false, nowMs);
    return true;
  }

  #sweep(): void {
    for (const [id, { replica, tool }] of this.#grants) {
      if ((replica?.permit.isSettled ?? true) && (tool?.permit.isSettled ?? true)) this.#grants.delete(id);
    }
  }
}
