import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerLogin, type LoginBudgets, type LoginOptions } from './login.ts';

/** Answers requests for what is not MCP; false: the request is none of these. */
export const loginAnswers =
  (options: LoginOptions) =>
  (incoming: IncomingMessage, response: ServerResponse, budgets: LoginBudgets): boolean =>
    answerLogin(options, incoming, response, budgets);
