import { randomUUID } from 'node:crypto';
import { InvalidGrantError, InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import type { AuthorizationParams, OAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/provider.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import type { OAuthClientInformationFull, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { readToken, signToken } from './signed-tokens.ts';

const TTL_SECONDS = 600;
const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** An authorization server that agrees to everything. Clients and codes are in this process's memory, as servers commonly have them. */
export class AgreeingProvider implements OAuthServerProvider {
  readonly #clients = new Map<string, OAuthClientInformationFull>();
  readonly #codes = new Map<string, AuthorizationParams>();

  readonly clientsStore = {
    getClient: (id: string) => this.#clients.get(id),
    registerClient: (client: OAuthClientInformationFull) => {
      this.#clients.set(client.client_id, client);
      return client;
    },
  };

  authorize(
    _client: OAuthClientInformationFull,
    params: AuthorizationParams,
    response: { redirect(url: string): void },
  ): Promise<void> {
    const code = randomUUID(),
      url = new URL(params.redirectUri);
    this.#codes.set(code, params);
    url.searchParams.set('code', code);
    if (params.state !== undefined) url.searchParams.set('state', params.state);
    response.redirect(url.href);
    return Promise.resolve();
  }

  challengeForAuthorizationCode(_client: OAuthClientInformationFull, code: string): Promise<string> {
    const params = this.#codes.get(code);
    return params ? Promise.resolve(params.codeChallenge) : Promise.reject(new InvalidGrantError('no such code'));
  }

  exchangeAuthorizationCode({ client_id }: OAuthClientInformationFull, code: string): Promise<OAuthTokens> {
    const params = this.#codes.get(code);
    this.#codes.delete(code);
    return params
      ? Promise.resolve(this.#tokens(client_id, params.scopes ?? []))
      : Promise.reject(new InvalidGrantError('no such code'));
  }

  exchangeRefreshToken({ client_id }: OAuthClientInformationFull, token: string): Promise<OAuthTokens> {
    const facts = readToken(token, 'refresh', nowSeconds());
    return facts
      ? Promise.resolve(this.#tokens(client_id, facts.scopes))
      : Promise.reject(new InvalidGrantError('no such token'));
  }

  verifyAccessToken(token: string): Promise<AuthInfo> {
    const facts = readToken(token, 'access', nowSeconds());
    return facts ? Promise.resolve({ token, ...facts }) : Promise.reject(new InvalidTokenError('no such token'));
  }

  #tokens(clientId: string, scopes: string[]): OAuthTokens {
    const facts = { clientId, scopes, expiresAt: nowSeconds() + TTL_SECONDS };
    return {
      access_token: signToken({ ...facts, kind: 'access' }),
      refresh_token: signToken({ ...facts, kind: 'refresh' }),
      token_type: 'bearer',
      expires_in: TTL_SECONDS,
      scope: scopes.join(' '),
    };
  }
}
