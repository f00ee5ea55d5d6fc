import type { LimitName } from '../../proto/limits.ts';
import type { SessionRecord } from '../../proto/session-record.ts';

/** What those who begin sessions ask and say (SessionBudget); `address` is a key of proto/address-key.ts. */
export interface NewSessions {
  /** Whether a client may begin a session now; the limit's name when not. Asked once for each. */
  refusal(server: string, address: string): LimitName | null;
  /** Counts a session that began. `bytes`: of its initialize. */
  began(record: SessionRecord, address: string, bytes: number): void;
}

export const UNLIMITED: NewSessions = { refusal: () => null, began: () => undefined };
