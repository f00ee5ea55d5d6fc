"""An official Python client as a program: commands as JSON lines on stdin, outcomes as JSON lines on stdout.

usage: client.py python-1 | python-2 | fastmcp [SOCKET]
With a socket's path the program imports its package, says so, and forks for each connection, which is the fork's stdin and stdout.

{"id": 1, "do": "connect", "url": "http://…", "timeoutSeconds": 20, "oauth": null or the redirect URL of a user who agrees to everything}
{"id": 2, "do": "call", "tool": "whoami", "arguments": {}}     several at a time are sent side by side
{"id": 3, "do": "tools"}
{"id": 4, "do": "expire"}                                      the access token is over: the next call refreshes it
{"id": 5, "do": "visits"}                                      how often the user was asked to log in

Each is answered by {"id": …, "result": …} or {"id": …, "error": {"type", "code", "message", "data"}}. The end of stdin ends the program.
"""

import asyncio
import contextlib
import http.cookiejar
import importlib
import json
import os
import select
import signal
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request


class StopAt(urllib.request.HTTPRedirectHandler):
    """A browser that goes no further than the client's own URL."""

    def __init__(self, target):
        self.target, self.reached = target, None

    def redirect_request(self, request, body, code, message, headers, url):
        if url.startswith(self.target):
            self.reached = url
            return None
        return super().redirect_request(request, body, code, message, headers, url)


class User:
    """Agrees to everything; a browser with cookies and redirects, and nothing else."""

    def __init__(self, redirect):
        self.redirect, self.visits, self.answer, self.provider = redirect, 0, {}, None

    def browse(self, url):
        stop = StopAt(self.redirect)
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        try:
            urllib.request.build_opener(stop, cookies).open(url, timeout=20)
        except urllib.error.HTTPError:
            if stop.reached is None:
                raise
        query = urllib.parse.parse_qs(urllib.parse.urlparse(stop.reached).query)
        return {name: values[0] for name, values in query.items()}

    async def redirected(self, url):
        self.visits += 1
        self.answer = await asyncio.to_thread(self.browse, url)

    async def code_and_state(self):
        return self.answer["code"], self.answer.get("state")

    async def result(self):
        from mcp.shared.auth import AuthorizationCodeResult

        return AuthorizationCodeResult(**{name: self.answer.get(name) for name in ("code", "state", "iss")})


class Memory:
    """The storage of tokens that the packages ask for."""

    def __init__(self):
        self.tokens, self.client = None, None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def oauth_of(kind, url, user):
    if user is None:
        return None
    if kind == "fastmcp":
        from fastmcp.client.auth import OAuth

        class Headless(OAuth):
            async def redirect_handler(self, authorization_url):
                self.context.client_metadata  # the registered one, with its own callback
                user.redirect = str(self.context.client_metadata.redirect_uris[0])
                await user.redirected(authorization_url)

            async def callback_handler(self):
                return await user.result()

        user.provider = Headless(url)
        return user.provider
    from mcp.client.auth import OAuthClientProvider
    from mcp.shared.auth import OAuthClientMetadata

    metadata = OAuthClientMetadata(
        client_name="holdfast-test",
        redirect_uris=[user.redirect],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
    )
    user.provider = OAuthClientProvider(
        server_url=url,
        client_metadata=metadata,
        storage=Memory(),
        redirect_handler=user.redirected,
        callback_handler=user.code_and_state if kind == "python-1" else user.result,
    )
    return user.provider


@contextlib.asynccontextmanager
async def python_1(url, timeout_seconds, auth):
    from datetime import timedelta
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    client = create_mcp_http_client(auth=auth) if auth else None
    async with streamable_http_client(url, http_client=client) as (read, write, _):
        async with ClientSession(read, write, read_timeout_seconds=timedelta(seconds=timeout_seconds)) as session:
            await session.initialize()
            yield session


@contextlib.asynccontextmanager
async def python_2(url, timeout_seconds, auth):
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    target = streamable_http_client(url, http_client=create_mcp_http_client(auth=auth)) if auth else url
    async with Client(target, mode="legacy", read_timeout_seconds=timeout_seconds) as client:
        yield client


@contextlib.asynccontextmanager
async def fastmcp(url, timeout_seconds, auth):
    from fastmcp import Client

    async with Client(url, timeout=timeout_seconds, auth=auth) as client:
        yield client


CLIENTS = {"python-1": python_1, "python-2": python_2, "fastmcp": fastmcp}
TO_IMPORT = {"python-1": "mcp.client.streamable_http", "python-2": "mcp.client.streamable_http", "fastmcp": "fastmcp"}


def plain(value):
    """A result of any of the packages as JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def tool_result(value):
    content = plain(value.content)
    is_error = getattr(value, "is_error", None)
    return {"content": content, "isError": bool(value.isError if is_error is None else is_error)}


def told(error):
    """What a user of the package can find out about an error, that of a group of tasks included."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    inner = getattr(error, "error", error)
    return {
        "type": type(error).__name__,
        "code": getattr(inner, "code", None),
        "message": str(getattr(inner, "message", error)),
        "data": plain(getattr(inner, "data", None)),
    }


def write(answer):
    sys.stdout.write(json.dumps(answer, default=str) + "\n")
    sys.stdout.flush()


class ForeignSession(Exception):
    pass


def keep_own_session():
    """An answer with another session id than its request ends the program's session: the packages adopt whatever id an answer has."""
    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            transport = importlib.import_module(name).AsyncHTTPTransport
            inner = transport.handle_async_request

            async def checked(self, request, inner=inner):
                answer = await inner(self, request)
                own, told_id = (each.headers.get("mcp-session-id") for each in (request, answer))
                if None not in (own, told_id) and own != told_id:
                    error = ForeignSession(f"an answer to session {own} carries the session id {told_id}")
                    write({"id": None, "error": told(error)})
                    raise error
                return answer

            transport.handle_async_request = checked


async def serve(kind, is_fork=False):
    keep_own_session()
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    connect = json.loads(await reader.readline())
    running = set()
    redirect = connect.get("oauth")
    user = User(redirect) if redirect else None
    try:
        auth = oauth_of(kind, connect["url"], user)
        async with CLIENTS[kind](connect["url"], connect["timeoutSeconds"], auth) as client:
            write({"id": connect["id"], "result": {}})

            async def run(command):
                try:
                    if command["do"] == "tools":
                        tools = plain(await client.list_tools())
                        result = [tool["name"] for tool in (tools if isinstance(tools, list) else tools["tools"])]
                    elif command["do"] == "visits":
                        result = user.visits
                    elif command["do"] == "expire":
                        user.provider.context.token_expiry_time = 1
                        result = {}
                    else:
                        more = {"raise_on_error": False} if kind == "fastmcp" else {}
                        result = tool_result(await client.call_tool(command["tool"], command["arguments"], **more))
                    write({"id": command["id"], "result": result})
                except Exception as error:
                    write({"id": command["id"], "error": told(error)})

            while line := await reader.readline():
                task = asyncio.create_task(run(json.loads(line)))
                running.add(task)
                task.add_done_callback(running.discard)
            if is_fork:
                os._exit(0)  # As killed: who closed the connection wants no farewell.
    except BaseException as error:
        # The package ended the whole session: nobody who waits hears of it otherwise.
        write({"id": None, "error": told(error)})


def fork_at(path, kind):
    importlib.import_module(TO_IMPORT[kind])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    # Nobody writes to stdin: it is readable when the parent is gone.
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            for stream in (0, 1):
                os.dup2(connection.fileno(), stream)
            connection.close()
            listener.close()
            asyncio.run(serve(kind, is_fork=True))
            os._exit(0)
        connection.close()


if len(sys.argv) > 2:
    fork_at(sys.argv[2], sys.argv[1])
else:
    asyncio.run(serve(sys.argv[1]))
