import { HEADER_FILE_FORM, MAX_HEADER_FILE_BYTES } from '../../../proto/replica-header.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { ServerTopology } from '../../topology/topology.ts';
import { FILTER } from './names.ts';

const READ_BYTES = MAX_HEADER_FILE_BYTES + 64;

/**
 * Lua, because a formatter of Envoy refuses the whole listener for one file that is not there, and passes line breaks. Each worker reads a file at
 * most once a second, and keeps its last good value. A client's own value never passes. `io.open` would wait for whoever writes into a pipe, and a
 * worker that waits serves nobody: so `open` itself, with O_NONBLOCK and O_CLOEXEC.
 */
const SCRIPT = `
local ffi = require("ffi")
ffi.cdef[[
int open(const char *path, int flags, ...);
long read(int file, void *bytes, unsigned long length);
int close(int file);
char *strerror(int error);
]]
local bytes = ffi.new("char[?]", ${READ_BYTES})
local known = {}
local function read(path)
  local file = ffi.C.open(path, 0x80800)
  if file < 0 then return nil, ffi.string(ffi.C.strerror(ffi.errno())) end
  local length = tonumber(ffi.C.read(file, bytes, ${READ_BYTES}))
  local problem = length < 0 and ffi.string(ffi.C.strerror(ffi.errno()))
  ffi.C.close(file)
  if problem then return nil, problem end
  local text = ffi.string(bytes, length)
  while length > 0 and text:find("^%s", length) do length = length - 1 end
  text = text:sub(1, length)
  if text == "" then return nil, "it is empty" end
  if #text > ${MAX_HEADER_FILE_BYTES} then return nil, "it is too long" end
  if text:find("[^\\32-\\126]") then return nil, "it holds a line break, or a letter that is not ASCII" end
  return text
end
local function valueOf(handle, now, server, name, path)
  local key = server .. " " .. name .. " " .. path
  local file = known[key] or {}
  known[key] = file
  if file.checked == now then return file.good end
  file.checked = now
  local value, problem = read(path)
  if value then file.good = value end
  if problem and problem ~= file.told then
    handle:logErr("server " .. server .. ", headerFiles: " .. path .. " can't be the header " .. name .. ": " .. problem
      .. "; " .. (file.good and "its last good value stays" or "requests go without it") .. "; ${HEADER_FILE_FORM}")
  end
  file.told = problem
  return file.good
end
function envoy_on_request(handle)
  local context, headers, now = handle:filterContext(), handle:headers(), os.time()
  for name, path in pairs(context:get("files")) do
    local value = valueOf(handle, now, context:get("server"), name, path)
    headers:remove(name)
    if value then headers:add(name, value) end
  end
end
`;

/** Headers from files. Off, except on the routes of servers that have some: they say which, so that the listener doesn't change with a server. */
export const headerFileFilter: object = {
  name: FILTER.headerFiles,
  disabled: true,
  typed_config: typed('envoy.extensions.filters.http.lua.v3.Lua', { default_source_code: { inline_string: SCRIPT } }),
};

/** What a server's routes add: its headers from files. */
export const headerFilesOnRoute = ({ name, policy: { headerFiles } }: ServerTopology): Record<string, object> =>
  Object.keys(headerFiles).length === 0
    ? {}
    : {
        [FILTER.headerFiles]: typed('envoy.extensions.filters.http.lua.v3.LuaPerRoute', {
          filter_context: { server: name, files: headerFiles },
        }),
      };
