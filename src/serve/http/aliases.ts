/** Other paths to the same verbs: those under which allocation services are known. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { refusal } from '../problem.ts';
import { askedIn, type Query } from './read-query.ts';
import { notJson, type Services, sendAct, sendLook, wishOf } from './routes.ts';

const base = '/api/v1/group-ai/allocation';

type Body = Readonly<Record<string, unknown>>;

function bodyOf({ body }: FastifyRequest): Body {
  if (typeof body === 'object' && body !== null && !Buffer.isBuffer(body)) return body as Body;
  throw notJson();
}

/** Null stands for what is not said. */
const said = (body: Body): Body =>
  Object.fromEntries(Object.entries(body).filter(([, value]) => value != null));

/** `{ account_id, strategy }`. Errors: 400, for what is done in a step of its own. */
export function allocateInput(body: Body): Body {
  const { account_id: account, strategy, session_file: file, script_id: script, ...rest } = body;
  if (file !== undefined)
    throw refusal(
      400,
      'usage',
      'session_file is a path of the server.',
      'Upload it: POST /v1/sessions?name=NAME.',
    );
  if (script !== undefined)
    throw refusal(400, 'usage', 'script_id is chosen apart.', 'POST /v1/accounts/set-script.');
  return {
    ...rest,
    ...(account === undefined ? {} : { accounts: [account] }),
    ...(strategy === undefined
      ? {}
      : { strategy: strategy === 'load_balance' ? 'load' : strategy }),
  };
}

/** `{ threshold, max_migrations }`. */
export const rebalanceInput = ({ max_migrations: most, ...rest }: Body): Body =>
  most === undefined ? rest : { ...rest, maxMigrations: most };

export function addAliases(app: FastifyInstance, services: Services): void {
  const offerOf = (name: string) => {
    const found = services.offers.find(({ verb }) => verb.name === name);
    if (found === undefined) throw new Error(`there is no route to ${name}`);
    return found;
  };
  const look = (url: string, name: string): void => {
    const { fields } = offerOf(name);
    app.get<{ Querystring: Query; Params: Record<string, string> }>(url, async (request, reply) => {
      const asked = askedIn({ ...request.query, ...request.params }, fields);
      return sendLook(services, request, reply, name, asked);
    });
  };
  const plan = (url: string, name: string, inputOf: (body: Body) => Body): void => {
    const offer = offerOf(name);
    app.post(url, async (request, reply) => {
      const wish = wishOf(services, request, offer.scope);
      const input = inputOf(said(bodyOf(request)));
      return sendAct(reply, await services.plans.plan(wish, offer, input));
    });
  };
  plan(`${base}/allocate`, 'allocate', allocateInput);
  plan(`${base}/rebalance`, 'rebalance', rebalanceInput);
  look(`${base}/rankings`, 'rankings');
  look('/api/v1/nodes', 'hosts list');
  look('/api/v1/nodes/:host', 'hosts show');
}
