import {
  credentials,
  makeGenericClientConstructor,
  type ChannelCredentials,
  type ClientDuplexStream,
} from '@grpc/grpc-js';
import { TYPE_URL_PREFIX, toStruct, unpack, type Any } from '../../../proto/xds/loader.ts';
import { adsService } from '../../../proto/xds/services.ts';

export interface Delta {
  type_url: string;
  nonce: string;
  resources: { name: string; version: string; resource: Any }[];
  removed_resources: string[];
}
interface Asked {
  type?: string;
  subscribe?: string[];
  unsubscribe?: string[];
  versions?: Record<string, string>;
  nonce?: string;
  error?: string;
}

/** A delta ADS client for tests: says exactly what it is told, and keeps what it hears. */
export class TestClient {
  readonly heard: Delta[] = [];
  readonly ended: Promise<{ code?: number; details?: string }>;
  readonly #client;
  readonly #call: ClientDuplexStream<object, Delta>;
  readonly #node: object;
  #isFirst = true;
  #wake: () => void = () => {};

  constructor(
    port: number,
    node: { id: string; role?: string } = { id: 'envoy-1', role: 'gateway' },
    channel: ChannelCredentials = credentials.createInsecure(),
    metadata: Readonly<Record<string, unknown>> = {},
  ) {
    this.#node = { id: node.id, metadata: toStruct({ holdfast: { role: node.role ?? 'gateway', ...metadata } }) };
    this.#client = new (makeGenericClientConstructor(adsService, 'Ads'))(`127.0.0.1:${port}`, channel, {
      // As Envoy: a large fleet's routes are one message.
      'grpc.max_receive_message_length': -1,
    });
    this.#call = this.#client['DeltaAggregatedResources']!() as unknown as ClientDuplexStream<object, Delta>;
    this.#call.on('data', (delta: Delta) => {
      this.heard.push(delta);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      this.#call.on('error', resolve);
      this.#call.on('end', () => resolve({}));
    });
  }

  say({ type, subscribe = [], unsubscribe = [], versions = {}, nonce = '', error }: Asked): void {
    this.#call.write({
      ...(this.#isFirst && { node: this.#node }),
      type_url: type,
      resource_names_subscribe: subscribe,
      resource_names_unsubscribe: unsubscribe,
      initial_resource_versions: versions,
      response_nonce: nonce,
      ...(error !== undefined && { error_detail: { code: 3, message: error } }),
    });
    this.#isFirst = false;
  }

  ack(delta: Delta): void {
    this.say({ type: delta.type_url, nonce: delta.nonce });
  }
  nack(delta: Delta, error: string): void {
    this.say({ type: delta.type_url, nonce: delta.nonce, error });
  }

  /** The `count`-th delta (from 1), when it is there. */
  async nth(count: number): Promise<Delta> {
    while (this.heard.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.heard[count - 1]!;
  }

  /** Resolves once the server has handled all that was said before, without an answer to any of it: asks for something that it must answer. */
  async quiet(): Promise<number> {
    const before = this.heard.length;
    this.say({ type: `${TYPE_URL_PREFIX}test.Echo${Math.random()}`, subscribe: ['echo'] });
    const echo = await this.nth(before + 1);
    if (!echo.type_url.includes('test.Echo')) throw new Error(`not quiet: ${summary(echo)}`);
    this.heard.pop();
    return before;
  }

  pause(): void {
    this.#call.pause();
  }
  resume(): void {
    this.#call.resume();
  }
  close(): void {
    this.#call.on('error', () => {});
    this.#call.cancel();
    this.#client.close();
  }
}

export const summary = (delta: Delta): string =>
  `${delta.type_url.slice(delta.type_url.lastIndexOf('.') + 1)}: ${[...delta.resources.map(({ name }) => name), ...delta.removed_resources.map((name) => `-${name}`)].join(' ')}`;

export const content = (delta: Delta): Record<string, unknown>[] =>
  delta.resources.map(({ resource }) => unpack(resource));
