import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError, type OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

const REDIRECT = 'http://127.0.0.1:9/callback';

/** A user with a browser who agrees to everything. What it saw is kept. */
class AgreeingUser implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT;
  readonly clientMetadata = {
    client_name: 'holdfast-test',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    scope: 'mcp:read',
  };
  #client: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = '';
  code: string | null = null;
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
    const { headers } = await fetch(url, { redirect: 'manual' });
    this.code = new URL(headers.get('location') ?? 'about:blank').searchParams.get('code');
  }
}

/** An official client that logs in by itself, as often as it is asked to. */
export class OAuthClient {
  readonly user = new AgreeingUser();
  readonly #url: URL;
  #transport: StreamableHTTPClientTransport;
  #client = new Client({ name: 'oauth', version: '1' });

  constructor(url: string) {
    this.#url = new URL(url);
    this.#transport = this.#newTransport();
  }

  #newTransport(): StreamableHTTPClientTransport {
    return new StreamableHTTPClientTransport(this.#url, { authProvider: this.user });
  }

  async connect(): Promise<void> {
    try {
      await this.#client.connect(this.#transport as Transport);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      await this.#transport.finishAuth(this.user.code ?? '');
      this.#client = new Client({ name: 'oauth', version: '1' });
      this.#transport = this.#newTransport();
      await this.#client.connect(this.#transport as Transport);
    }
  }

  get sessionId(): string | undefined {
    return this.#transport.sessionId;
  }

  /** The text of the result. Logs in once more when the server asks for it. */
  async call(name: string): Promise<string> {
    const call = async (): Promise<string> => {
      const { content } = await this.#client.callTool({ name, arguments: {} });
      return (content as Array<{ text: string }>)[0]?.text ?? '';
    };
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      await this.#transport.finishAuth(this.user.code ?? '');
      return call();
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
