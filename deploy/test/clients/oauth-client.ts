import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
  UnauthorizedError as UnauthorizedV2,
} from '@modelcontextprotocol/client';
import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { visitUntil } from './browser.ts';

/** Nobody listens there: the user's browser stops when it is sent to it. */
export const OAUTH_REDIRECT = 'http://127.0.0.1:9/callback';
const INFO = { name: 'oauth', version: '1' };

/** A user with a browser who agrees to everything. What it saw is kept. */
class AgreeingUser implements OAuthClientProvider {
  readonly redirectUrl = OAUTH_REDIRECT;
  readonly clientMetadata = {
    client_name: 'holdfast-test',
    redirect_uris: [OAUTH_REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    scope: 'mcp:read',
  };
  #client: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = '';
  /** What the browser was sent back with. */
  answer = new URLSearchParams();
  /** URLs that the user was sent to. */
  readonly visited: URL[] = [];

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#client;
  }
  saveClientInformation(client: OAuthClientInformationMixed): void {
    this.#client = client;
  }
  tokens(): OAuthTokens | undefined {
    return this.#tokens;
  }
  saveTokens(tokens: OAuthTokens): void {
    this.#tokens = tokens;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }
  invalidateCredentials(scope: string): void {
    if (scope !== 'tokens') this.#client = undefined;
    this.#tokens = undefined;
  }
  async redirectToAuthorization(url: URL): Promise<void> {
    this.visited.push(url);
    this.answer = (await visitUntil(url, OAUTH_REDIRECT)).searchParams;
  }
}

/** One connection of one of the official SDKs. */
interface Line {
  connect(): Promise<unknown>;
  finishAuth(answer: URLSearchParams): Promise<void>;
  callTool(name: string): Promise<{ [key: string]: unknown }>;
  sessionId(): string | undefined;
  close(): Promise<void>;
}

const LINES = {
  v1: (url: URL, authProvider: AgreeingUser): Line => {
    const client = new Client(INFO),
      transport = new StreamableHTTPClientTransport(url, { authProvider });
    return {
      connect: () => client.connect(transport as Transport),
      finishAuth: (answer) => transport.finishAuth(answer.get('code') ?? ''),
      callTool: (name) => client.callTool({ name, arguments: {} }),
      sessionId: () => transport.sessionId,
      close: () => client.close(),
    };
  },
  v2: (url: URL, authProvider: AgreeingUser): Line => {
    const client = new ClientV2(INFO, { versionNegotiation: { mode: 'legacy' } }),
      transport = new TransportV2(url, { authProvider: authProvider as never });
    return {
      connect: () => client.connect(transport),
      finishAuth: (answer) => transport.finishAuth(answer),
      callTool: (name) => client.callTool({ name, arguments: {} }),
      sessionId: () => transport.sessionId,
      close: () => client.close(),
    };
  },
};

/** A token that no server takes any more; a JWT still names its user. */
function overOf(token: string): string {
  const [head = '', claims = '', signature] = token.split('.');
  if (signature === undefined) return 'over';
  const facts = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object;
  return `${head}.${Buffer.from(JSON.stringify({ ...facts, exp: 1 })).toString('base64url')}.${signature}`;
}

const isUnauthorized = (error: unknown): boolean =>
  error instanceof UnauthorizedError || error instanceof UnauthorizedV2;

/** An official client that logs in by itself, as often as it is asked to. */
export class OAuthClient {
  readonly user = new AgreeingUser();
  readonly #open: () => Line;
  #line: Line;

  constructor(url: string, sdk: keyof typeof LINES = 'v1') {
    this.#open = () => LINES[sdk](new URL(url), this.user);
    this.#line = this.#open();
  }

  async connect(): Promise<void> {
    try {
      await this.#line.connect();
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      await this.#line.finishAuth(this.user.answer);
      this.#line = this.#open();
      await this.#line.connect();
    }
  }

  get sessionId(): string | undefined {
    return this.#line.sessionId();
  }

  /** The text of the result. Logs in once more when the server asks for it. */
  async call(name: string): Promise<string> {
    const call = async (): Promise<string> => {
      const { content } = await this.#line.callTool(name);
      return (content as Array<{ text: string }>)[0]?.text ?? '';
    };
    try {
      return await call();
    } catch (error) {
      if (!isUnauthorized(error)) throw error;
      await this.#line.finishAuth(this.user.answer);
      return call();
    }
  }

  /** Its access token is over: the next call refreshes it. */
  expire(): void {
    const { refresh_token = '', access_token = '' } = this.user.tokens() ?? {};
    this.user.saveTokens({
      ...this.user.tokens(),
      access_token: overOf(access_token),
      token_type: 'bearer',
      refresh_token,
    });
  }

  /** With a refresh token a client asks for the same scopes again, and never for further ones. */
  forgetRefreshToken(): void {
    const { refresh_token: _, ...kept } = this.user.tokens() ?? { access_token: '', token_type: 'bearer' };
    this.user.saveTokens(kept);
  }

  close(): Promise<void> {
    return this.#line.close();
  }
}
