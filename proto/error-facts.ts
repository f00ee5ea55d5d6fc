/** What a log may hold of a failure: no body, no token, no URL of a client. */
export interface ErrorFacts {
  name: string;
  /** Code of a system or library error, like ECONNRESET; null when there is none. */
  code: string | null;
  /** Null where the text may quote what was read. */
  message: string | null;
  /** Functions and lines only. */
  stack: string[];
}

const MAX_MESSAGE_LENGTH = 300;
const MAX_FRAMES = 12;
/** Their messages quote the input: `JSON.parse` and `BigInt` (SyntaxError), `decodeURIComponent` (URIError), zod (the values). */
const QUOTING = new Set(['SyntaxError', 'URIError', 'ZodError']);
/**
 * A failure without what a client or a replica sent. Loggers that print an error as it is also print its properties and its message; those of
 * `JSON.parse` and `new URL` hold the text that was read.
 */
export function errorFacts(error: unknown): ErrorFacts & { cause?: ErrorFacts } {
  const facts = factsOf(error);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? { ...facts, cause: factsOf(cause) } : facts;
}

function factsOf(error: unknown): ErrorFacts {
  if (!(error instanceof Error)) return { name: typeof error, code: null, message: null, stack: [] };
  const { code } = error as NodeJS.ErrnoException;
  const isQuoting = QUOTING.has(error.name) || code === 'ERR_INVALID_URL';
  return {
    name: error.name,
    code: typeof code === 'string' ? code : null,
    message: isQuoting ? null : error.message.slice(0, MAX_MESSAGE_LENGTH),
    stack: framesOf(error),
  };
}

/** The frames of the stack; its first lines repeat the message. */
function framesOf({ stack = '' }: Error): string[] {
  return stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim());
}
