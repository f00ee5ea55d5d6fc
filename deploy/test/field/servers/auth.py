"""How a server of server.py logs its users in."""

import base64
import hashlib
import hmac
import json
import secrets
import time

SCOPES = ["mcp:read", "mcp:write"]
SECRET = b"holdfast-test"


def fastmcp_auth(given):
    """FastMCP's RemoteAuthProvider, its OAuth proxy, or its provider in memory."""
    from fastmcp.server.auth import OAuthProxy, RemoteAuthProvider
    from fastmcp.server.auth.providers.jwt import JWTVerifier

    if given.auth == "own":
        from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
        from mcp.server.auth.settings import ClientRegistrationOptions

        registration = ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES, default_scopes=SCOPES[:1])
        return InMemoryOAuthProvider(base_url=given.public, client_registration_options=registration)
    verifier = JWTVerifier(jwks_uri=f"{given.issuer}/jwks", issuer=given.issuer, required_scopes=SCOPES[:1])
    if given.auth == "remote":
        return RemoteAuthProvider(verifier, authorization_servers=[given.issuer], base_url=given.public)
    from key_value.aio.stores.filetree import FileTreeStore

    return OAuthProxy(
        upstream_authorization_endpoint=f"{given.issuer}/auth",
        upstream_token_endpoint=f"{given.issuer}/token",
        upstream_client_id="proxy",
        upstream_client_secret="holdfast-test-secret",
        token_verifier=verifier,
        base_url=given.public,
        valid_scopes=SCOPES,
        client_storage=FileTreeStore(data_directory=given.shared),
        jwt_signing_key=SECRET * 3,
        require_authorization_consent="external",
    )


def sdk_auth(given):
    """What the Python SDK's server takes: its own authorization server, or the check of somebody else's tokens."""
    from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions

    registration = ClientRegistrationOptions(enabled=True, valid_scopes=SCOPES, default_scopes=SCOPES[:1])
    settings = AuthSettings(
        issuer_url=given.public,
        resource_server_url=given.resource or f"{given.public}/mcp",
        client_registration_options=registration,
        required_scopes=SCOPES[:1],
        validate_token_resource=False,
    )
    return {"auth": settings, "auth_server_provider": Signed()}


def signed(facts):
    """An opaque token that every replica can read."""
    text = base64.urlsafe_b64encode(json.dumps({**facts, "id": secrets.token_hex(8)}).encode()).decode()
    return f"{text}.{hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()}"


def read(token, kind):
    text, _, signature = token.partition(".")
    if not hmac.compare_digest(signature, hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()):
        return None
    facts = json.loads(base64.urlsafe_b64decode(text))
    return facts if facts["kind"] == kind and facts["expires_at"] > time.time() else None


class Signed:
    """An authorization server of the Python SDK that agrees to everything. Clients and codes are in this process's memory, tokens in themselves."""

    def __init__(self):
        self.clients, self.codes = {}, {}

    async def get_client(self, client_id):
        return self.clients.get(client_id)

    async def register_client(self, client_info):
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client, params):
        from mcp.server.auth.provider import AuthorizationCode, construct_redirect_uri

        code = secrets.token_urlsafe(32)
        kept = params.model_dump(exclude={"state"})
        kept["scopes"] = params.scopes or SCOPES[:1]
        self.codes[code] = AuthorizationCode(
            code=code, client_id=client.client_id, expires_at=time.time() + 60, **kept
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(self, client, authorization_code):
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del self.codes[authorization_code.code]
        return self.tokens(client.client_id, authorization_code.scopes)

    async def load_refresh_token(self, client, refresh_token):
        from mcp.server.auth.provider import RefreshToken

        facts = read(refresh_token, "refresh")
        return facts and RefreshToken(token=refresh_token, client_id=facts["client_id"], scopes=facts["scopes"])

    async def exchange_refresh_token(self, client, refresh_token, scopes):
        return self.tokens(client.client_id, scopes)

    async def load_access_token(self, token):
        from mcp.server.auth.provider import AccessToken

        facts = read(token, "access")
        return facts and AccessToken(token=token, client_id=facts["client_id"], scopes=facts["scopes"])

    async def revoke_token(self, token):
        pass

    def tokens(self, client_id, scopes):
        from mcp.shared.auth import OAuthToken

        facts = {"client_id": client_id, "scopes": scopes, "expires_at": time.time() + 600}
        return OAuthToken(
            access_token=signed({**facts, "kind": "access"}),
            refresh_token=signed({**facts, "kind": "refresh"}),
            token_type="Bearer",
            expires_in=600,
            scope=" ".join(scopes),
        )
