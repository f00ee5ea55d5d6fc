"""An official Python client as a program: commands as JSON lines on stdin, outcomes as JSON lines on stdout.

usage: client.py python-1 | python-2 | fastmcp

{"id": 1, "do": "connect", "url": "http://…", "timeoutSeconds": 20}
{"id": 2, "do": "call", "tool": "whoami", "arguments": {}}     several at a time are sent side by side
{"id": 3, "do": "tools"}

Each is answered by {"id": …, "result": …} or {"id": …, "error": {"type", "code", "message", "data"}}. The end of stdin ends the program.
"""

import asyncio
import contextlib
import json
import sys


@contextlib.asynccontextmanager
async def python_1(url, timeout_seconds):
    from datetime import timedelta
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with streamable_http_client(url) as (read, write, _):
        async with ClientSession(read, write, read_timeout_seconds=timedelta(seconds=timeout_seconds)) as session:
            await session.initialize()
            yield session


@contextlib.asynccontextmanager
async def python_2(url, timeout_seconds):
    from mcp import Client

    async with Client(url, mode="legacy", read_timeout_seconds=timeout_seconds) as client:
        yield client


@contextlib.asynccontextmanager
async def fastmcp(url, timeout_seconds):
    from fastmcp import Client

    async with Client(url, timeout=timeout_seconds) as client:
        yield client


CLIENTS = {"python-1": python_1, "python-2": python_2, "fastmcp": fastmcp}


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


async def serve(kind):
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    connect = json.loads(await reader.readline())
    running = set()
    try:
        async with CLIENTS[kind](connect["url"], connect["timeoutSeconds"]) as client:
            write({"id": connect["id"], "result": {}})

            async def run(command):
                try:
                    if command["do"] == "tools":
                        tools = plain(await client.list_tools())
                        result = [tool["name"] for tool in (tools if isinstance(tools, list) else tools["tools"])]
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
    except BaseException as error:
        # The package ended the whole session: nobody who waits hears of it otherwise.
        write({"id": None, "error": told(error)})


asyncio.run(serve(sys.argv[1]))
