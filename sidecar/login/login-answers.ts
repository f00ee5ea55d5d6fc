import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodyBudget } from '../budget/body-budget.ts';
import { answerLogin, type LoginOptions } from './login.ts';

/** Answers requests for what is not MCP; false: the request is none of these. */
export const loginAnswers =
  (options: LoginOptions) =>
  (incoming: IncomingMessage, response: ServerResponse, bodies: BodyBudget): boolean =>
    answerLogin(options, incoming, response, bodies);
