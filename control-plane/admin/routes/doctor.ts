import { diagnose } from '../diagnose.ts';
import { withFormerName } from '../former-name.ts';
import { noQuery, read, type Route } from '../route.ts';

export const doctorRoutes: Route[] = [
  read(
    '/v1/doctor',
    'Goes through what should be watched in production, and says what to do about what is not good.',
    noQuery,
    async ({ context }) => withFormerName(await diagnose(context)),
  ),
];
