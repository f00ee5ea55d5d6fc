/** Why a request was refused, as the client gets it. */
export type ProblemCode =
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'conflict'
  | 'too-large'
  | 'not-json'
  | 'unavailable'
  | 'internal';

export const STATUS: Record<ProblemCode, number> = {
  'bad-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'too-large': 413,
  'not-json': 415,
  unavailable: 503,
  internal: 500,
};

/** Thrown by handlers, caught in one place (api.ts). `message` says what, where, why and what to do. */
export class ApiProblem extends Error {
  readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
