import { unusableCode } from '../../proto/redis/reply-code.ts';

export type StoreErrorCode = 'unreachable' | 'unusable' | 'timeout' | 'bad-record' | 'refused';

/** The store could not be asked, or its answer could not be read. What was asked may or may not have been done. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreError';
    this.code = code;
  }

  /**
   * Turns whatever the client threw into one kind of error. An error reply about one command is `refused`; one about
   * Redis itself (full, read-only) is `unusable`. Everything else means that Redis can't be reached.
   */
  static from(cause: unknown): StoreError {
    if (cause instanceof StoreError) return cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/timed out/i.test(message)) return new StoreError('timeout', `Redis did not answer in time: ${message}`, cause);
    const isReply = cause instanceof Error && cause.name === 'ReplyError',
      unusable = isReply ? unusableCode(message) : null;
    if (unusable !== null)
      return new StoreError('unusable', `Redis refuses what is asked (${unusable}): ${message}`, cause);
    return isReply
      ? new StoreError('refused', `Redis refused: ${message}`, cause)
      : new StoreError('unreachable', `Redis can't be used: ${message}`, cause);
  }
}
