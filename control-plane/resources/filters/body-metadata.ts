import { typed } from '../../../proto/xds/loader.ts';
import { METADATA, type AnswerRead } from '../../../proto/wire.ts';
import { FILTER } from './names.ts';

const read = (metadata_namespace: string, key: string, ...path: string[]): object => ({
  selectors: path.map((part) => ({ key: part })),
  on_present: { metadata_namespace, key },
});

const REQUEST = [
  read(METADATA.request, 'method', 'method'),
  read(METADATA.request, 'id', 'id'),
  read(METADATA.request, 'name', 'params', 'name'),
];

/**
 * As a number: a boolean becomes 0 or 1, and anything else counts as absent. So no text of a replica gets into the
 * access log.
 */
const number = (key: string, ...path: string[]): object => ({
  selectors: path.map((part) => ({ key: part })),
  on_present: { metadata_namespace: METADATA.outcome, key, type: 'NUMBER' },
});

const OUTCOME = [number('code', 'error', 'code'), number('isError', 'result', 'isError')];

const mark = (value: AnswerRead): object => ({ metadata_namespace: METADATA.outcome, key: METADATA.read, value });

/** So that the sidecar need not guess what an answer without a code came to: was it read at all, and was there one? */
const SSE_MARK = {
  selectors: [{ key: 'result' }],
  on_present: mark('events'),
  on_missing: mark('none'),
  on_error: mark('garbled'),
};

/** The JSON filter calls any body that parses "present", and any other type of content an error: hence a key of its own. */
const JSON_MARK = {
  selectors: [{ key: 'result' }],
  on_present: mark('json'),
  on_error: { metadata_namespace: METADATA.outcome, key: METADATA.jsonFailed, value: 'not-json' },
};

/** `application/json` alone is Envoy's default, which a `; charset=utf-8` fails. */
const JSON_TYPES = { allow_content_types_regex: { regex: 'application/json[ ;].*|application/json' } };

/** Method, id and tool name of the request, for ext_proc and error answers; with `responses`, what a JSON answer came to. */
export const jsonToMetadata = (readsResponses: boolean): object => ({
  name: FILTER.jsonToMetadata,
  typed_config: typed('envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata', {
    request_rules: { ...JSON_TYPES, rules: REQUEST },
    ...(readsResponses && { response_rules: { ...JSON_TYPES, rules: [...OUTCOME, JSON_MARK] } }),
  }),
});

/** An event longer than this stays unread; it passes anyway. */
const MAX_EVENT_BYTES = 1 << 20;

/** The same for event streams, which it does not hold up. */
export const sseToMetadata: object = {
  name: FILTER.sseToMetadata,
  typed_config: typed('envoy.extensions.filters.http.sse_to_metadata.v3.SseToMetadata', {
    response_rules: {
      max_event_size: MAX_EVENT_BYTES,
      content_parser: {
        name: 'envoy.content_parsers.json',
        typed_config: typed('envoy.extensions.content_parsers.json.v3.JsonContentParser', {
          rules: [...OUTCOME, SSE_MARK].map((rule) => ({ rule })),
        }),
      },
    },
  }),
};
