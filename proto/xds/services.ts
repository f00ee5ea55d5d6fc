import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type protobuf from 'protobufjs';
import { serviceType } from './schema.ts';

/**
 * Service definitions for grpc-js. Messages are plain objects in snake_case. Enums are names, bytes are Buffers,
 * 64-bit integers are numbers, and Struct is `{fields}` (toStruct, fromStruct). Each oneof has a member of its own
 * name that tells which one is set. They are not strict, because these are on the path of requests: what a message
 * does not have is dropped.
 */
const SHAPE: protobuf.IConversionOptions = {
  longs: Number,
  enums: String,
  bytes: Buffer,
  oneofs: true,
  arrays: true,
  objects: true,
};

function definitionOf(serviceName: string): ServiceDefinition {
  const definition: Record<string, MethodDefinition<object, object>> = {};
  for (const method of serviceType(serviceName).methodsArray) {
    const [request, response] = [coder(method.resolvedRequestType), coder(method.resolvedResponseType)];
    definition[method.name] = {
      path: `/${serviceName}/${method.name}`,
      requestStream: method.requestStream === true,
      responseStream: method.responseStream === true,
      requestSerialize: request.serialize,
      requestDeserialize: request.deserialize,
      responseSerialize: response.serialize,
      responseDeserialize: response.deserialize,
      originalName: method.name,
    };
  }
  return definition as ServiceDefinition;
}

/** A method of a service, by its name. Throws when there is none. */
export function methodOf(service: ServiceDefinition, name: string): MethodDefinition<object, object> {
  const method = service[name];
  if (!method) throw new Error(`the service has no method ${name}`);
  return method;
}

function coder(type: protobuf.Type | null) {
  if (!type) throw new Error('a method of a service has a type that is not loaded');
  return {
    serialize: (object: object): Buffer => type.encode(type.fromObject(object)).finish() as Buffer,
    deserialize: (bytes: Buffer): object => type.toObject(type.decode(bytes), SHAPE),
  };
}

/** ADS: `DeltaAggregatedResources`, `StreamAggregatedResources`. */
export const adsService = definitionOf('envoy.service.discovery.v3.AggregatedDiscoveryService');
/** ext_proc: `Process`, one stream per HTTP request. */
export const externalProcessorService = definitionOf('envoy.service.ext_proc.v3.ExternalProcessor');
/** Access logs: `Export`, a batch of OpenTelemetry log records. */
export const logsService = definitionOf('opentelemetry.proto.collector.logs.v1.LogsService');
