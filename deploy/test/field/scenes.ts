import { INSPECTOR_SCENE } from './browser/inspector-scene.ts';
import { GATEWAY_SCENES } from './gateways/gateway-scenes.ts';
import { LOG_IN_SCENES } from './log-in/log-in-scenes.ts';
import { MATRIX_SCENES } from './matrix/matrix-scenes.ts';
import { CLIENT_REPORTS } from './reports/client-reports.ts';
import { QUIET_REPORTS } from './reports/quiet-reports.ts';
import { FROZEN_GATEWAY, RAW_REPORTS } from './reports/raw-reports.ts';
import { BEHIND_AN_EDGE, KEEP_ALIVE_PINGS, SERVERS_AS_THEY_ARE } from './reports/server-reports.ts';
import type { Scene } from './scene.ts';

export const SCENES: readonly Scene[] = [
  RAW_REPORTS,
  FROZEN_GATEWAY,
  QUIET_REPORTS,
  CLIENT_REPORTS,
  KEEP_ALIVE_PINGS,
  SERVERS_AS_THEY_ARE,
  BEHIND_AN_EDGE,
  ...MATRIX_SCENES,
  ...LOG_IN_SCENES,
  INSPECTOR_SCENE,
  ...GATEWAY_SCENES,
];
