import { typed, TYPE_URL_PREFIX } from '../../../proto/xds/loader.ts';
import { overAds } from '../cluster-parts.ts';

/**
 * A filter whose configuration is a resource of its own, so that a change of it leaves the listener as it is. Off, except on the routes that switch it
 * on. `byDefault`: what it does in an Envoy that was not told within 15 s of its start.
 */
export const discovered = (name: string, type: string, byDefault: object): object => ({
  name,
  disabled: true,
  config_discovery: {
    config_source: overAds,
    type_urls: [`${TYPE_URL_PREFIX}${type}`],
    default_config: typed(type, byDefault),
  },
});

/** That resource: name and content. */
export const extension = (name: string, type: string, config: object): [string, object] => [
  name,
  { name, typed_config: typed(type, config) },
];
