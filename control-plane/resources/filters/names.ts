/** Names of the HTTP filters, in the order in which a request meets them (listener.ts). Routes switch them by these names. */
export const FILTER = {
  cors: 'envoy.filters.http.cors',
  tokenToMetadata: 'envoy.filters.http.header_to_metadata.token',
  tokenHeader: 'envoy.filters.http.header_mutation.token',
  jwt: 'envoy.filters.http.jwt_authn',
  challengeHeader: 'envoy.filters.http.header_mutation.challenge',
  challengeToMetadata: 'envoy.filters.http.header_to_metadata.challenge',
  rateLimit: 'envoy.filters.http.local_ratelimit',
  sessionToMetadata: 'envoy.filters.http.header_to_metadata',
  sessionHeaders: 'envoy.filters.http.header_mutation',
  jsonToMetadata: 'envoy.filters.http.json_to_metadata',
  sseToMetadata: 'envoy.filters.http.sse_to_metadata',
  extProc: 'envoy.filters.http.ext_proc',
  /** The same filter once more, for one question and one answer. */
  askUnary: 'envoy.filters.http.ext_proc.sessions',
  headerFiles: 'envoy.filters.http.lua.header_files',
  /** At edges only. */
  brokenStreams: 'envoy.filters.http.lua.broken_streams',
  router: 'envoy.filters.http.router',
} as const;
