import type { AccountSpec, AnswerLimitsSpec } from '../../model/inventory.ts';
import { formatSecretReference } from '../schema/secret-reference.ts';
import { limitRows, writtenPlace } from './host.ts';
import {
  byDefault,
  explainKeys,
  explainRows,
  type Layer,
  type Origin,
  originIn,
  type Row,
  type Setting,
  type SettingValue,
  type Written,
  writtenDuration,
} from './setting.ts';

const hourly = (limit: number | null | undefined): SettingValue =>
  limit === null ? 'off' : (limit ?? "fleet's own");

/** Everything of an account but labels, limits and telegram. */
export const accountRows: readonly Row<AccountSpec>[] = [
  { path: ['group'], value: ({ group }) => group },
  { path: ['script'], value: ({ script }) => script },
  { path: ['owner'], value: ({ owner }) => owner },
  { path: ['location'], value: ({ location }) => writtenPlace(location) },
  { path: ['allowed_zones'], value: ({ allowedZones }) => allowedZones },
  { path: ['pinned_to'], value: ({ pinnedTo }) => pinnedTo },
  { path: ['strategy'], value: ({ strategy }) => strategy },
  {
    path: ['chats'],
    value: ({ chats }) => chats.map(({ id, name }) => (name === null ? id : `${name} (${id})`)),
  },
  {
    path: ['worker'],
    value: ({ worker }) =>
      worker === null
        ? 'bundled'
        : [...worker.command, worker.sessionFormat, `linger ${writtenDuration(worker.lingerMs)}`],
  },
  { path: ['log_level'], value: ({ logLevel }) => logLevel },
];

export const answerRows: readonly Row<AnswerLimitsSpec>[] = [
  { path: ['answer_limits', 'per_account'], value: ({ perAccount }) => hourly(perAccount) },
  { path: ['answer_limits', 'per_chat'], value: ({ perChat }) => hourly(perChat) },
  { path: ['answer_limits', 'per_user'], value: ({ perUser }) => hourly(perUser) },
  { path: ['answer_limits', 'ceiling'], value: ({ ceiling }) => hourly(ceiling) },
];

export const telegramRows: readonly Row<AccountSpec['telegram']>[] = [
  {
    path: ['telegram', 'api_id'],
    value: ({ apiId }) => (typeof apiId === 'number' ? apiId : formatSecretReference(apiId)),
  },
  { path: ['telegram', 'api_hash'], value: ({ apiHash }) => formatSecretReference(apiHash) },
  { path: ['telegram', 'device_model'], value: ({ deviceModel }) => deviceModel },
  { path: ['telegram', 'system_version'], value: ({ systemVersion }) => systemVersion },
  { path: ['telegram', 'app_version'], value: ({ appVersion }) => appVersion },
  { path: ['telegram', 'lang_code'], value: ({ langCode }) => langCode },
];

/** What the ledger says in the place of the inventory; null: nothing. */
export interface AccountChoice {
  readonly script: string | null;
  readonly pinnedTo: string | null;
}

/** What is in effect for an account, and who says it. */
export function explainAccount(
  spec: AccountSpec,
  choice: AccountChoice,
  written: Written,
): readonly Setting[] {
  const layers: readonly Layer[] = [
    { text: 'account_defaults', path: ['account_defaults'] },
    { text: 'account', path: ['accounts', spec.name] },
  ];
  const telegram: readonly Layer[] = [
    { text: 'telegram', path: [] },
    { text: 'account', path: ['accounts', spec.name] },
  ];
  const chosen = (key: string): Origin => ({
    kind: 'ledger',
    text: key === 'script' ? 'fleet accounts set-script' : 'fleet accounts pin',
    place: null,
  });
  const rows = explainRows(accountRows, spec, written, layers).map((setting): Setting => {
    if (setting.key === 'script' && choice.script !== null)
      return { ...setting, value: choice.script, from: chosen('script') };
    if (setting.key === 'pinned_to' && spec.pinnedTo === null && choice.pinnedTo !== null)
      return { ...setting, value: choice.pinnedTo, from: chosen('pinned_to') };
    return setting;
  });
  // Limits that the account does not have itself are those of whatever host it is on.
  const limits = explainRows(limitRows, spec.limits, written, layers).map(
    (setting): Setting =>
      originIn(written, layers, setting.key.split('.')) === null && setting.value === null
        ? { ...setting, from: byDefault('of its host') }
        : setting,
  );
  return [
    ...rows,
    ...explainKeys('labels', spec.labels, written, layers),
    ...explainRows(answerRows, spec.answerLimits, written, layers),
    ...limits,
    ...explainRows(telegramRows, spec.telegram, written, telegram),
  ];
}
