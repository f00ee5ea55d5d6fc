/** What a log may hold of a failure: no body, no token, no URL of a client. */
export interface DescribedError {
  name: string;
  /** Code of a system or library error, like ECONNRESET. */
  code?: string;
  /** Empty where the text may quote what was read. */
  message: string;
  /** The places in the code, innermost first. */
  at: string[];
  cause?: DescribedError;
}

const MAX_MESSAGE_LENGTH = 300;
const MAX_FRAMES = 12;
const MAX_CAUSES = 3;
/** Their messages quote the input: `JSON.parse` and `BigInt` (SyntaxError), `decodeURIComponent` (URIError), zod (the values). */
const QUOTING = new Set(['SyntaxError', 'URIError', 'ZodError']);

/**
 * An error as logs may show it: where it happened, and never what somebody sent. A logger that prints an error as it
 * is prints its properties and message too. Those of `JSON.parse` and `new URL` hold the text that was read.
 */
export const describeError = (error: unknown): DescribedError => describe(error, MAX_CAUSES);

function describe(error: unknown, causes: number): DescribedError {
  if (!(error instanceof Error)) return { name: typeof error, message: '', at: [] };
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' && { code }),
    message: QUOTING.has(error.name) || code === 'ERR_INVALID_URL' ? '' : safeMessage(error.message),
    at: framesOf(error),
    ...(error.cause instanceof Error && causes > 0 && { cause: describe(error.cause, causes - 1) }),
  };
}

/** The first line. Node's argument errors quote the value after "Received". */
const safeMessage = (message: string): string =>
  (message.split('\n', 1)[0] ?? '')
    .replace(/\bReceived\b.*$/, '')
    .slice(0, MAX_MESSAGE_LENGTH)
    .trimEnd();

/** The frames of the stack; its first lines repeat the message. */
const framesOf = ({ stack = '' }: Error): string[] =>
  stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim().slice('at '.length));
