import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf } from '../attack-mesh.ts';
import { exchange } from '../http-client.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';

const NAMES = 60;
const INPUTS: Record<string, (index: number) => string> = {
  'long-names': (index) => `internal-${index}-${'n'.repeat(700)}`,
  'short-names': (index) => `internal${index}`,
  'other-alphabets': (index) => `internal${String.fromCodePoint(0x4e00 + index)}${'\u0301'.repeat(50)}`,
  'label-breakers': (index) => `internal"}\n${index}{evil="`,
};

export const cardinality: AttackCase[] = casesOf(
  'cardinality',
  { finding: '17', goal: 'no label, key or field holds an invented name', isLasting: true },
  INPUTS,
  async (mesh, nameOf) => {
    const session = await mesh.session('judged');
    for (let index = 0; index < NAMES; index++) {
      await Promise.all(Array.from({ length: 5 }, () => mesh.rpc('judged', callOf(nameOf(index)), { session })));
      await mesh.rpc('judged', callOf('echo'), { session });
    }
    let longest = 0;
    const found: string[] = [];
    const adminUrls = [
      ...mesh.mesh.gateways.map(({ sidecars }) => sidecars[0]?.adminUrl),
      mesh.mesh.controlPlane.adminUrl,
    ];
    for (const url of adminUrls) {
      const { body } = await exchange(`${url}/metrics`, { method: 'GET', from: '127.0.0.1' });
      longest = Math.max(longest, ...body.split('\n').map((line) => line.length));
      if (body.includes(nameOf(7).slice(0, 10).split('\n')[0] ?? '?')) found.push('a metric');
    }
    const fields = await redisAnswer(mesh.mesh.redis?.port ?? 0, 'HLEN holdfast:breaker:judged');
    const count = Number(/:(\d+)/.exec(fields)?.[1] ?? 0);
    return judge(
      { 'no metric': found.length === 0, 'few fields': count <= 10, 'no long line': longest < 2000 },
      `${count} fields, longest line ${longest}`,
    );
  },
);
