import { LoggingLevelSchema } from '@modelcontextprotocol/sdk/types.js';
import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import type { Session } from './definition.ts';

/** Sends a log message on the session's GET stream, unless the client asked for higher levels only. Says whether it was sent. */
export async function logMessage<S>(session: Session<S>, level: LoggingLevel, data: unknown): Promise<boolean> {
  const levels: readonly string[] = LoggingLevelSchema.options;
  if (session.logLevel !== null && levels.indexOf(level) < levels.indexOf(session.logLevel)) return false;
  await session.server.sendLoggingMessage({ level, data });
  return true;
}
