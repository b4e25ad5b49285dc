import type { TlObject } from '../../tl/codec.ts';
import type { Account, World } from '../../world/world.ts';
import type { HandlerTable, RpcContext } from '../handler.ts';
import { userObject } from '../objects.ts';
import { RpcError } from '../rpc-error.ts';

export const userHandlers: HandlerTable = {
  'users.getUsers': (request, context) =>
    (request.id as readonly TlObject[]).map((input) => inputUser(input, context)),
  'account.updateStatus': () => true,
};

/**
 * The account behind an `InputUser`; null for a user that does not exist. Throws USER_ID_INVALID on
 * a wrong access hash.
 */
function accountOfInput(input: TlObject, world: World, self: Account): Account | null {
  if (input._ === 'inputUserSelf') return self;
  const account = world.accounts.get(String(input.user_id));
  if (account === undefined || account === self) return account ?? null;
  if (input.access_hash !== account.accessHash) throw new RpcError(400, 'USER_ID_INVALID');
  return account;
}

function inputUser(input: TlObject, { world, account }: RpcContext): TlObject {
  const found = accountOfInput(input, world, account);
  return found === null ? { _: 'userEmpty', id: input.user_id } : userObject(found, account);
}
