import test from 'ava';
import { decode, encode, pack, SchemaError, typed, unpack, RESOURCE_TYPE } from './loader.ts';

const CLUSTER = 'envoy.config.cluster.v3.Cluster';

const cluster = {
  name: 'mcp.linear',
  type: 'EDS',
  connect_timeout: '0.25s',
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
  circuit_breakers: {
    thresholds: [{ max_requests: 100_000, retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 0 } }],
  },
  metadata: { filter_metadata: { holdfast: { b: [1, null, 'x', true], a: { deep: -1.5 } } } },
  load_balancing_policy: {
    policies: [
      {
        typed_extension_config: {
          name: 'envoy.load_balancing_policies.override_host',
          typed_config: typed('envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost', {
            override_host_sources: [{ metadata: { key: 'holdfast', path: [{ key: 'host' }] } }],
          }),
        },
      },
    ],
  },
};

test('a cluster in the form of Envoy’s YAML comes back as it went', (t) => {
  t.deepEqual(decode(CLUSTER, encode(CLUSTER, cluster)), cluster);
  t.deepEqual(unpack(pack(RESOURCE_TYPE.cluster, cluster)), cluster);
});

test('a field that holds a message as bytes comes back as it went, is checked as strictly, and equal content gives equal bytes', (t) => {
  const MATCHER = 'xds.type.matcher.v3.Matcher';
  const tree = (map: object) => ({ matcher_tree: { prefix_match_map: { map } } });
  const action = (name: string) => ({ action: { name, typed_config: typed('envoy.config.route.v3.Route', { name }) } });
  const matcher = tree({ '/a': { matcher: tree({ 'k~': action('k'), 'j~': action('j') }) }, '/b': action('b') });
  const bytes = encode(MATCHER, matcher);
  t.deepEqual(decode(MATCHER, bytes), matcher);
  const otherwise = tree({ '/b': action('b'), '/a': { matcher: tree({ 'j~': action('j'), 'k~': action('k') }) } });
  t.deepEqual(encode(MATCHER, otherwise), bytes);
  const error = t.throws(() => encode(MATCHER, tree({ '/a': { matcher: tree({ 'k~': { action: { nam: 'k' } } }) } })), {
    instanceOf: SchemaError,
  });
  t.regex(error.message, /"\/a".*"k~".*nam/);
});

test('a known message inside an Any is encoded as itself, an unknown one as a TypedStruct', (t) => {
  const route = {
    typed_per_filter_config: {
      ext_proc: typed('envoy.config.route.v3.FilterConfig', {
        config: typed('envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute', { overrides: {} }),
      }),
    },
  };
  const bytes = encode('envoy.config.route.v3.Route', route).toString('latin1');
  t.true(bytes.includes('type.googleapis.com/envoy.config.route.v3.FilterConfig'));
  t.is(bytes.split('xds.type.v3.TypedStruct').length, 2);
  t.deepEqual(decode('envoy.config.route.v3.Route', Buffer.from(bytes, 'latin1')), route);
});

test('what is packed keeps no more memory than its own bytes: it may be kept for long, and slabs of small buffers are large', (t) => {
  const { value } = pack(RESOURCE_TYPE.cluster, { name: 'small' });
  t.true(value.byteLength > 0);
  t.is(value.buffer.byteLength, value.byteLength);
});

test('an empty Any stays one: it switches a filter on without settings of its own', (t) => {
  const route = { typed_per_filter_config: { limit: typed('envoy.config.route.v3.FilterConfig', { config: {} }) } };
  t.deepEqual(decode('envoy.config.route.v3.Route', encode('envoy.config.route.v3.Route', route)), route);
});

test('equal content gives equal bytes whatever the order of keys', (t) => {
  const one = { name: 'x', metadata: { filter_metadata: { a: { p: 1, q: 2 }, b: {} } } };
  const other = { metadata: { filter_metadata: { b: {}, a: { q: 2, p: 1 } } }, name: 'x' };
  t.deepEqual(encode(CLUSTER, one), encode(CLUSTER, other));
});

test('the long forms of durations and wrappers are taken too', (t) => {
  t.deepEqual(
    encode(CLUSTER, { connect_timeout: { seconds: 1, nanos: 500_000_000 }, wait_for_warm_on_init: { value: true } }),
    encode(CLUSTER, { connect_timeout: '1.5s', wait_for_warm_on_init: true }),
  );
  t.deepEqual(decode(CLUSTER, encode(CLUSTER, { connect_timeout: '-0.5s' })), { connect_timeout: '-0.5s' });
});

for (const [what, object, path, description] of [
  ['a field the schema lacks', { name: 'x', lb_polici: 1 }, 'Cluster.lb_polici', /no such field/],
  ['a field in camelCase', { connectTimeout: '1s' }, 'Cluster.connectTimeout', /no such field/],
  [
    'a misspelt field deep inside',
    { load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { adress: {} } }] }] } },
    'Cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.adress',
    /known: address/,
  ],
  ['an unknown enum value', { type: 'EDZ' }, 'Cluster.type', /EDS/],
  [
    'a number out of range',
    { wait_for_warm_on_init: true, per_connection_buffer_limit_bytes: 2 ** 32 },
    'Cluster.per_connection_buffer_limit_bytes',
    /does not fit uint32/,
  ],
  [
    'text for a number',
    { load_assignment: { endpoints: [{ priority: '1x' }] } },
    'Cluster.load_assignment.endpoints[0].priority',
    /expected uint32/,
  ],
  ['an object for a list', { health_checks: {} }, 'Cluster.health_checks', /expected a list/],
  [
    'two members of one oneof',
    { load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: {}, endpoint_name: 'x' }] }] } },
    'Cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint_name',
    /only one of host_identifier/,
  ],
  ['a duration without its unit', { connect_timeout: '1' }, 'Cluster.connect_timeout', /"0.25s"/],
  [
    'an Any without a type',
    { transport_socket: { name: 'tls', typed_config: { x: 1 } } },
    'Cluster.transport_socket.typed_config',
    /@type/,
  ],
  [
    'an unknown field of a known Any',
    { transport_socket: { typed_config: typed('envoy.config.route.v3.FilterConfig', { disable: true }) } },
    'Cluster.transport_socket.typed_config.disable',
    /no such field/,
  ],
  ['null', { name: null }, 'Cluster.name', /got null/],
] as const) {
  test(`refused with its path: ${what}`, (t) => {
    const error = t.throws(() => encode(CLUSTER, object), { instanceOf: SchemaError });
    t.is(error.path, path);
    t.regex(error.message, description);
  });
}

test('a message that is not in our files is named, with what to do', (t) => {
  t.throws(() => encode('envoy.config.trace.v3.Tracing', {}), {
    message: /proto\/xds has no message envoy.config.trace.v3.Tracing.*TypedStruct/,
  });
});
