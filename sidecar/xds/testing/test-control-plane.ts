import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { SERVER_POLICY_TYPE } from '../../../proto/wire.ts';
import { pack, RESOURCE_TYPE } from '../../../proto/xds/loader.ts';
import { adsService } from '../../../proto/xds/services.ts';

export interface Heard {
  node?: { id: string; metadata: object };
  type_url: string;
  resource_names_subscribe: string[];
  resource_names_unsubscribe: string[];
  initial_resource_versions: Record<string, string>;
  response_nonce?: string;
  error_detail?: { message: string };
}
type Call = ServerDuplexStream<Heard, object>;

/** A control plane that says what the test tells it to, and keeps what it hears. */
export class TestControlPlane {
  readonly heard: Heard[] = [];
  readonly #server = new Server();
  #call: Call | undefined;
  #wake: () => void = () => {};
  #nonce = 0;

  async listen(port = 0): Promise<number> {
    this.#server.addService(adsService, {
      DeltaAggregatedResources: (call: Call) => {
        this.#call = call;
        call.on('data', (request: Heard) => {
          this.heard.push(request);
          this.#wake();
        });
        call.on('error', () => {});
        call.on('end', () => call.end());
      },
    });
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
  }

  /** Removes and returns the first request, heard or to come, that `isIt` fits. */
  async take(isIt: (request: Heard) => boolean): Promise<Heard> {
    for (;;) {
      const index = this.heard.findIndex(isIt);
      if (index !== -1) return this.heard.splice(index, 1)[0]!;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  policies(...jsons: object[]): void {
    this.#send(
      SERVER_POLICY_TYPE,
      jsons.map((json) => [(json as { name: string }).name, json]),
    );
  }
  endpoints(...jsons: object[]): void {
    this.#send(
      RESOURCE_TYPE.endpoints,
      jsons.map((json) => [(json as { cluster_name: string }).cluster_name, json]),
    );
  }

  #send(typeUrl: string, resources: [string, object][]): void {
    this.#call!.write({
      type_url: typeUrl,
      nonce: String(++this.#nonce),
      resources: resources.map(([name, json]) => ({ name, version: `${name}-1`, resource: pack(typeUrl, json) })),
      removed_resources: [],
    });
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

export const isFirst = (request: Heard): boolean => request.node != null;
export const isAnswer = (request: Heard): boolean => Boolean(request.response_nonce);
export const isEndpoints = (request: Heard): boolean =>
  request.type_url === RESOURCE_TYPE.endpoints && !isAnswer(request);
