import test from 'ava';
import { EDGE_BYTES, idAtEdges } from './id-at-edges.ts';

const filling = 'x'.repeat(10_000);
const at = (text: string, isWhole = true): unknown => {
  const body = Buffer.from(text);
  const id = idAtEdges(body.subarray(0, EDGE_BYTES), isWhole ? body.subarray(-EDGE_BYTES) : null);
  return JSON.parse(JSON.stringify({ id })).id;
};

test('the id is found where official clients write it', (t) => {
  const params = { name: 'echo', arguments: { text: filling } };
  t.is(at(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params })), 7);
  t.is(at(JSON.stringify({ method: 'tools/call', params, jsonrpc: '2.0', id: 7 })), 7);
  t.is(at(JSON.stringify({ method: 'tools/call', params, id: 'seven', jsonrpc: '2.0' })), 'seven');
  t.is(at(`{ "jsonrpc" : "2.0" , "id" : "a b" , "method" : "tools/call", "params": {"x": "${filling}"}}\n`), 'a b');
  t.is(at(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'tools/call', params }), false), 0);
});

test('an id beyond 2^53 keeps its digits', (t) => {
  const id = idAtEdges(Buffer.from('{"id":9007199254740993,"method":"x","params":{'), null);
  t.is(JSON.stringify({ id }), '{"id":9007199254740993}');
});

test('an id that is not the request’s is never taken', (t) => {
  const inside = { name: 'echo', arguments: { id: 5, text: filling } };
  t.is(at(JSON.stringify({ method: 'tools/call', params: inside })), null, 'an argument called id');
  t.is(at(JSON.stringify({ method: 'x', params: { text: filling, last: { id: 5 } } })), null, 'the last argument');
  t.is(at(`{"method":"x","params":{"text":"${filling}","last":"\\"id\\":5}"}}`), null, 'a text that looks like one');
  t.is(at(JSON.stringify({ method: 'x', params: { text: `${filling},"id":5}` } })), null);
  t.is(at(JSON.stringify([{ method: 'x', params: { text: filling }, id: 5 }])), null, 'a batch');
  t.is(at(JSON.stringify({ jsonrpc: '2.0', id: 5, result: { text: filling } })), null, 'a response');
  t.is(at(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/x', params: { text: filling } })), null);
  t.is(at(JSON.stringify({ method: 'x', params: { text: filling }, jsonrpc: '2.0', id: 5 }), false), null, 'no end');
  t.is(at(JSON.stringify({ method: 'x', params: filling, id: null })), null);
});
