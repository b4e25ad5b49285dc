import type { TlObject } from '../../tl/codec.ts';
import type { HandlerTable, RpcContext } from '../handler.ts';

export const updateHandlers: HandlerTable = {
  'updates.getState': (_request, context) => state(context),
  'updates.getDifference': (_request, { nowS }) => ({ _: 'updates.differenceEmpty', date: nowS, seq: 0 }),
};

function state({ account, nowS }: RpcContext): TlObject {
  return { _: 'updates.state', pts: account.pts, qts: 0, date: nowS, seq: 0, unread_count: 0 };
}
