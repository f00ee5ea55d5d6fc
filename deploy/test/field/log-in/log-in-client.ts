import { ForeignClient } from '../../clients/foreign/foreign-client.ts';
import type { ForeignKind } from '../../clients/foreign/foreign-kinds.ts';
import { installForeignClient } from '../../clients/foreign/install.ts';
import type { Heard } from '../../clients/foreign/line-client.ts';
import { OAUTH_REDIRECT, OAuthClient } from '../../clients/oauth-client.ts';

export type LogInKind = 'v1' | 'v2' | Exclude<ForeignKind, 'go'>;
export const LOG_IN_CLIENTS: readonly LogInKind[] = ['v1', 'v2', 'python-1', 'python-2', 'fastmcp'];

/** An official client whose user logs in wherever the server asks for it. */
export interface LogInClient {
  /** The text of a tool's answer. */
  call(tool: string): Promise<string>;
  expire(): Promise<unknown>;
  /** TypeScript SDK 1.x asks for further scopes only without a refresh token. */
  beforeStepUp(): void;
  /** How often the user was asked to log in. */
  visits(): Promise<number>;
  close(): Promise<void>;
}

function resultOf(heard: Heard): unknown {
  if ('result' in heard) return heard.result;
  throw new Error(`${heard.error.type}: ${heard.error.message}`);
}

async function foreign(kind: Exclude<ForeignKind, 'go'>, url: string): Promise<LogInClient> {
  const installed = await installForeignClient(kind);
  if ('missing' in installed) throw new Error(`this is missing: ${installed.missing}`);
  const client = await ForeignClient.connect(installed, { url, timeoutSeconds: 30, oauth: OAUTH_REDIRECT });
  return {
    async call(tool) {
      const { content, isError } = resultOf(await client.call(tool)) as {
        content: Array<{ text?: string }>;
        isError: boolean;
      };
      if (isError) throw new Error(`isError: ${content[0]?.text}`);
      return content[0]?.text ?? '';
    },
    expire: async () => resultOf(await client.expire()),
    beforeStepUp: () => undefined,
    visits: async () => Number(resultOf(await client.visits())),
    close: () => client.close(),
  };
}

export async function logIn(kind: LogInKind, url: string): Promise<LogInClient> {
  if (kind !== 'v1' && kind !== 'v2') return foreign(kind, url);
  const client = new OAuthClient(url, kind);
  await client.connect();
  return {
    call: (tool) => client.call(tool),
    expire: async () => client.expire(),
    beforeStepUp: () => (kind === 'v1' ? client.forgetRefreshToken() : undefined),
    visits: async () => client.user.visited.length,
    close: () => client.close(),
  };
}
