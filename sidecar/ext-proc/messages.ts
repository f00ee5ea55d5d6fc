import { fromStruct, type Struct } from '../../proto/xds/loader.ts';
import type { RpcId } from '../../proto/rpc-error.ts';
import { HEADER, METADATA } from '../../proto/wire.ts';
import type { RequestView } from '../routing/decide.ts';
import { carriesCredentials } from '../routing/principal.ts';

/** What Envoy sends on an ext_proc stream, as far as it is read here (proto/xds). */
export interface ProcessingRequest {
  request?: 'request_headers' | 'request_body' | 'request_trailers' | 'response_headers' | 'response_body' | 'response_trailers';
  request_headers?: { headers?: HeaderMap; end_of_stream?: boolean };
  response_headers?: { headers?: HeaderMap; end_of_stream?: boolean };
  request_body?: { body?: Buffer; end_of_stream?: boolean };
  response_body?: { body?: Buffer; end_of_stream?: boolean };
  metadata_context?: { filter_metadata?: Record<string, Struct> };
  attributes?: Record<string, Struct>;
}
interface HeaderMap { headers?: { key?: string; value?: string; raw_value?: Buffer }[] }

const ATTRIBUTES = 'envoy.filters.http.ext_proc';
const SLOT_ATTRIBUTE = `xds.upstream_host_metadata.filter_metadata['${METADATA.namespace}']['slot']`;

/** Values of one header, in order. */
function valuesOf(map: HeaderMap | undefined, name: string): string[] {
  const values: string[] = [];
  for (const header of map?.headers ?? []) if (header.key === name) values.push(header.raw_value?.length ? header.raw_value.toString('latin1') : header.value ?? '');
  return values;
}

const attributesOf = (message: ProcessingRequest): Record<string, unknown> => fromStruct(message.attributes?.[ATTRIBUTES]);

export interface ReadRequest { server: string; view: RequestView; tool: string | null; isBodyless: boolean; hasCredentials: boolean }

/** Reads a request's headers; undefined when they did not come by one of our routes. */
export function readRequest(message: ProcessingRequest): ReadRequest | undefined {
  const map = message.request_headers?.headers;
  const route = attributesOf(message)['xds.route_name'];
  if (typeof route !== 'string' || !route.includes('/')) return undefined;
  const body = fromStruct(message.metadata_context?.filter_metadata?.[METADATA.request]);
  // Envoy's filters put the client's id aside and the replica's in its place; several ids arrive joined by commas.
  const own = valuesOf(map, HEADER.session), original = own.length > 0 ? own : valuesOf(map, HEADER.sessionId);
  return {
    server: route.slice(0, route.lastIndexOf('/')),
    view: {
      httpMethod: valuesOf(map, ':method')[0] ?? '',
      clientIds: original.flatMap((value) => value.split(',').map((each) => each.trim())).filter((value) => value !== ''),
      authorization: valuesOf(map, 'authorization')[0] ?? null,
      protocolVersion: valuesOf(map, HEADER.protocolVersion)[0] ?? null,
      method: typeof body['method'] === 'string' ? body['method'] : null,
      rpcId: readId(body['id']),
    },
    tool: body['method'] === 'tools/call' && typeof body['name'] === 'string' ? body['name'] : null,
    isBodyless: message.request_headers?.end_of_stream === true,
    hasCredentials: carriesCredentials((map?.headers ?? []).map(({ key = '' }) => key)),
  };
}

export interface ReadResponse { status: number; sessionId: string | null; isEventStream: boolean; slot: string | null }

/** Reads a response's headers and which slot answered: null when it was a relay. */
export function readResponse(message: ProcessingRequest): ReadResponse {
  const map = message.response_headers?.headers, slot = attributesOf(message)[SLOT_ATTRIBUTE];
  return {
    status: Number(valuesOf(map, ':status')[0] ?? 0),
    sessionId: valuesOf(map, HEADER.sessionId)[0] ?? null,
    isEventStream: (valuesOf(map, 'content-type')[0] ?? '').startsWith('text/event-stream'),
    slot: typeof slot === 'string' && slot !== '' ? slot : null,
  };
}

const readId = (value: unknown): RpcId => typeof value === 'string' || typeof value === 'number' ? value : null;
