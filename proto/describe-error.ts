export interface DescribedError {
  name: string;
  code?: string;
  message: string;
  /** The places in the code, innermost first. */
  at: string[];
}

const MAX_MESSAGE = 200;
const MAX_FRAMES = 8;

/** An error as logs may show it: where it happened, and never what somebody sent. */
export function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { name: typeof error, message: '', at: [] };
  const { code } = error as { code?: unknown };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    name: error.name,
    ...(typeof code === 'string' && { code }),
    message: safeMessage(error),
    at: frames.slice(0, MAX_FRAMES).map((line) => line.trim().slice('at '.length)),
  };
}

/** A parser's message quotes the text that it could not read, and Node's argument errors quote the value after "Received". */
function safeMessage(error: Error): string {
  if (error instanceof SyntaxError) return '';
  return (error.message.split('\n')[0] ?? '')
    .replace(/\bReceived\b.*$/, '')
    .slice(0, MAX_MESSAGE)
    .trimEnd();
}
