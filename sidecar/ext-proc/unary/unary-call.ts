/** A message, and where its answer goes. Answered or failed once; later calls do nothing. */
export interface UnaryCall {
  readonly message: Buffer;
  /** False when the caller has gone in the meantime. */
  answer(reply: Buffer): boolean;
  /** Ends the call with a gRPC status other than 0. */
  fail(status: number): void;
}
export type OnUnaryCall = (call: UnaryCall) => void;
