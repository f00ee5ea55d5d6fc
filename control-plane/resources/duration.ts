/** Milliseconds as protobuf's JSON writes a duration. */
export const duration = (ms: number): string => `${ms / 1000}s`;
