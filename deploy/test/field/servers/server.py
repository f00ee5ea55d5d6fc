"""A server of an official Python package, as teams write them.

usage: server.py fastmcp | python-1 | python-2 --port N --name LABEL [--stateless] [--sse] [--auth remote | proxy | own --public URL …]

Tools: whoami and slow (safe to repeat), write (not), count (progress), remember (state of the session, where the package has any).
"""

import argparse
import asyncio
import sys

# This file stands in a repository.
sys.dont_write_bytecode = True
arguments = argparse.ArgumentParser()
arguments.add_argument("kind", choices=["fastmcp", "python-1", "python-2"])
arguments.add_argument("--port", type=int, required=True)
arguments.add_argument("--name", required=True)
arguments.add_argument("--stateless", action="store_true")
arguments.add_argument("--sse", action="store_true")
# Who logs users in: an authorization server elsewhere, FastMCP's proxy of one, or this server itself.
arguments.add_argument("--auth", choices=["remote", "proxy", "own"])
arguments.add_argument("--public", help="the base URL that clients know")
arguments.add_argument("--resource", help="the endpoint that clients know; /mcp below --public when absent")
arguments.add_argument("--issuer", help="the authorization server, for remote and proxy")
arguments.add_argument("--shared", help="a folder that replicas share, for proxy")
arguments.add_argument("--path", default="/mcp")
given = arguments.parse_args()


def own_auth():
    if not given.auth:
        return {}
    import auth as auths

    return auths.sdk_auth(given)


def made():
    """The server, the decorator of a tool that is safe to repeat, and the package's context."""
    if given.kind == "fastmcp":
        from fastmcp import Context, FastMCP

        auth = None
        if given.auth:
            import auth as auths

            auth = auths.fastmcp_auth(given)
        return FastMCP("field", auth=auth), {"readOnlyHint": True}, Context
    if given.kind == "python-1":
        from mcp.server.fastmcp import Context, FastMCP
        from mcp.types import ToolAnnotations

        more = {"host": "127.0.0.1", "port": given.port, "stateless_http": given.stateless}
        return FastMCP("field", **more, **own_auth()), ToolAnnotations(readOnlyHint=True), Context
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.types import ToolAnnotations

    return MCPServer("field", **own_auth()), ToolAnnotations(read_only_hint=True), Context


server, SAFE, Context = made()


@server.tool(annotations=SAFE)
async def whoami() -> str:
    """The name of the replica."""
    return given.name


@server.tool(annotations=SAFE)
async def slow(ms: float = 0) -> str:
    """The name of the replica, after a while."""
    await asyncio.sleep(ms / 1000)
    return given.name


@server.tool()
async def write(ms: float = 0) -> str:
    """Not safe to repeat."""
    await asyncio.sleep(ms / 1000)
    return given.name


@server.tool(annotations=SAFE)
async def count(context: Context, steps: int = 3) -> str:
    """Tells of its progress."""
    for step in range(steps):
        await context.report_progress(step + 1, steps)
        await asyncio.sleep(0.05)
    return "counted"


def run():
    transport = "sse" if given.sse else "streamable-http"
    if given.kind == "python-1":
        return server.run(transport=transport)
    path = "/sse" if given.sse else given.path
    where = {"host": "127.0.0.1", "port": given.port}
    if given.kind == "python-2":
        return server.run(transport=transport, **where, **({} if given.sse else {"stateless_http": given.stateless}))
    more = {"stateless_http": True} if given.stateless else {}
    return server.run(transport="sse" if given.sse else "http", show_banner=False, path=path, **where, **more)


run()
