import { typed } from '../../../proto/xds/loader.ts';
import { FILTER } from '../filters/names.ts';

/** From the first part of an event stream on, its connection is to be closed with the stream, should that not end by itself. */
const SCRIPT = `
function envoy_on_response(handle)
  local kind = handle:headers():get("content-type")
  if kind == nil or kind:lower():find("text/event-stream", 1, true) == nil then return end
  for _ in handle:bodyChunks() do
    handle:streamInfo():drainConnectionUponCompletion()
    return
  end
end
`;

/**
 * When a gateway is lost, an HTTP/1 client hears of its broken stream by the end of its connection. Envoy keeps that
 * for another second (`delayed_close_timeout`), unless it was to be closed after this answer. Said after the headers,
 * it has no effect on an answer that ends well: the connection takes further requests.
 */
export const brokenStreams: object = {
  name: FILTER.brokenStreams,
  typed_config: typed('envoy.extensions.filters.http.lua.v3.Lua', { default_source_code: { inline_string: SCRIPT } }),
};
