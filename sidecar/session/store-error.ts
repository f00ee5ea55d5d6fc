export type StoreErrorCode = 'unreachable' | 'timeout' | 'bad-url' | 'bad-record' | 'refused';

/** The store could not be asked. What was asked may or may not have been done. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StoreError';
    this.code = code;
  }
}
