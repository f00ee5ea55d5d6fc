import { HEADER_FILE_FORM, MAX_HEADER_FILE_BYTES } from '../../../proto/replica-header.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { ServerTopology, TopologySnapshot } from '../../topology/topology.ts';
import { switchOn } from './ext-proc.ts';
import { FILTER } from './names.ts';

const filterName = (server: string): string => `${FILTER.headerFiles}.${server}`;
const hasFiles = ({ policy }: ServerTopology): boolean => Object.keys(policy.headerFiles).length > 0;

/** Every byte that is not plain becomes `\ddd`, so that no text ends the string. */
const luaText = (text: string): string =>
  `"${[...Buffer.from(text)].map((byte) => (/[A-Za-z0-9/._-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`)).join('')}"`;

/**
 * Lua, because a formatter of Envoy refuses the whole listener for one file that is not there, and passes line breaks. Each worker reads a file at
 * most once a second, and keeps its last good value. A client's own value never passes.
 */
const script = ({ name: server, policy }: ServerTopology): string => `
local files = {${Object.entries(policy.headerFiles)
  .map(([name, file]) => `[${luaText(name)}] = ${luaText(file)}`)
  .join(', ')}}
local good, told, checked = {}, {}, nil
local function read(path)
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text = file:read(${MAX_HEADER_FILE_BYTES + 64})
  file:close()
  text = (text or ""):gsub("%s+$", "")
  if text == "" then return nil, "it is empty" end
  if #text > ${MAX_HEADER_FILE_BYTES} then return nil, "it is too long" end
  if text:find("[^\\32-\\126]") then return nil, "it holds a line break, or a letter that is not ASCII" end
  return text
end
local function check(handle)
  for name, path in pairs(files) do
    local value, problem = read(path)
    if value then good[name] = value end
    if problem and problem ~= told[name] then
      handle:logErr("server " .. ${luaText(server)} .. ", headerFiles: " .. path .. " can't be the header " .. name .. ": " .. problem
        .. "; " .. (good[name] and "its last good value stays" or "requests go without it") .. "; " .. ${luaText(HEADER_FILE_FORM)})
    end
    told[name] = problem
  end
end
function envoy_on_request(handle)
  local now = os.time()
  if now ~= checked then
    checked = now
    check(handle)
  end
  local headers = handle:headers()
  for name in pairs(files) do
    headers:remove(name)
    if good[name] then headers:add(name, good[name]) end
  end
end
`;

/** Headers from files, for the servers that have some. Off, except on their routes. */
export const headerFileFilters = (snapshot: TopologySnapshot): object[] =>
  snapshot.servers.filter(hasFiles).map((server) => ({
    name: filterName(server.name),
    disabled: true,
    typed_config: typed('envoy.extensions.filters.http.lua.v3.Lua', {
      default_source_code: { inline_string: script(server) },
    }),
  }));

/** What a server's routes add: its headers from files. */
export const headerFilesOnRoute = (server: ServerTopology): Record<string, object> =>
  hasFiles(server) ? { [filterName(server.name)]: switchOn } : {};
