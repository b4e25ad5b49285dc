import type { Inventory, ModelSpec } from '../../model/inventory.ts';
import { ledgerPlaceText } from '../../model/ledger-place.ts';
import { formatSecretReference } from '../schema/secret-reference.ts';
import { explainRows, type Row, type Setting, type Written, writtenDuration } from './setting.ts';

const percent = (ratio: number): number => Number((ratio * 100).toFixed(3));

/** What is said once for the whole fleet. */
export const fleetRows: readonly Row<Inventory>[] = [
  { path: ['fleet'], value: ({ fleet }) => fleet },
  { path: ['vault', 'path'], value: ({ paths }) => paths.vault },
  { path: ['vault', 'key'], value: ({ vaultKey }) => formatSecretReference(vaultKey) },
  { path: ['ledger'], value: ({ ledger }) => ledgerPlaceText(ledger) },
  {
    path: ['postgres', 'password'],
    value: ({ ledger }) =>
      ledger.kind === 'file' || ledger.password === null
        ? null
        : formatSecretReference(ledger.password),
  },
  {
    path: ['postgres', 'ca'],
    value: ({ ledger }) => (ledger.kind === 'file' ? null : ledger.caPath),
  },
  {
    path: ['postgres', 'tls'],
    value: ({ ledger }) => (ledger.kind === 'file' ? null : ledger.isPlain ? 'off' : 'verify'),
  },
  { path: ['scripts'], value: ({ paths }) => paths.scripts },
  { path: ['ssh', 'known_hosts'], value: ({ paths }) => paths.knownHosts },
  { path: ['concurrency'], value: ({ concurrency }) => concurrency },
  { path: ['runtime_mirror'], value: ({ runtimeMirror }) => runtimeMirror },
  { path: ['answer_slot'], value: ({ answerSlotMs }) => writtenDuration(answerSlotMs) },
  { path: ['egress', 'allow'], value: ({ egress }) => egress },
  {
    path: ['alerts', 'channels'],
    value: ({ alerts }) => (alerts === null ? null : Object.keys(alerts.channels)),
  },
  { path: ['placement', 'strategy'], value: ({ placement }) => placement.strategy },
  {
    path: ['placement', 'strategy_by_label'],
    value: ({ placement }) =>
      placement.strategyByLabel.map(({ label, strategy }) => `${label}: ${strategy}`),
  },
  { path: ['placement', 'weights', 'cpu'], value: ({ placement }) => placement.weights.cpu },
  { path: ['placement', 'weights', 'memory'], value: ({ placement }) => placement.weights.memory },
  { path: ['placement', 'weights', 'slots'], value: ({ placement }) => placement.weights.slots },
  { path: ['placement', 'weights', 'disk'], value: ({ placement }) => placement.weights.disk },
  { path: ['placement', 'threshold'], value: ({ placement }) => placement.threshold },
  { path: ['placement', 'max_migrations'], value: ({ placement }) => placement.maxMigrations },
  {
    path: ['placement', 'memory_limit_percent'],
    value: ({ placement }) => percent(placement.memoryLimitRatio),
  },
  {
    path: ['placement', 'sample_max_age'],
    value: ({ placement }) => writtenDuration(placement.sampleMaxAgeMs),
  },
  {
    path: ['placement', 'cooldown'],
    value: ({ placement }) => writtenDuration(placement.cooldownMs),
  },
  { path: ['failover', 'max_hosts'], value: ({ failover }) => failover.maxHosts },
  { path: ['failover', 'settle'], value: ({ failover }) => writtenDuration(failover.settleMs) },
  { path: ['rebalance', 'patience'], value: ({ rebalance }) => rebalance.patience },
  { path: ['rebalance', 'rest'], value: ({ rebalance }) => writtenDuration(rebalance.restMs) },
  {
    path: ['rebalance', 'half_life'],
    value: ({ rebalance }) => writtenDuration(rebalance.halfLifeMs),
  },
  {
    path: ['rebalance', 'measured_for'],
    value: ({ rebalance }) => writtenDuration(rebalance.measuredForMs),
  },
  {
    path: ['rebalance', 'address_changes_per_week'],
    value: ({ rebalance }) => rebalance.addressChangesPerWeek,
  },
  { path: ['rebalance', 'cross_country'], value: ({ rebalance }) => rebalance.crossCountry },
  { path: ['hold', 'after'], value: ({ hold }) => writtenDuration(hold.holdAfterMs) },
  { path: ['hold', 'require_clock_sync'], value: ({ hold }) => hold.requireClockSync },
  { path: ['hold', 'settle'], value: ({ hold }) => writtenDuration(hold.settleMs) },
  { path: ['hold', 'settle_unclean'], value: ({ hold }) => writtenDuration(hold.settleUncleanMs) },
  { path: ['sweep', 'down_after'], value: ({ sweep }) => writtenDuration(sweep.downAfterMs) },
  { path: ['sweep', 'keep_samples'], value: ({ sweep }) => writtenDuration(sweep.keepSamplesMs) },
];

/** The model, where there is one. */
export const modelRows: readonly Row<ModelSpec>[] = [
  { path: ['model', 'base_url'], value: ({ baseUrl }) => baseUrl },
  { path: ['model', 'model'], value: ({ model }) => model },
  {
    path: ['model', 'api_key'],
    value: ({ apiKey }) => (apiKey === null ? null : formatSecretReference(apiKey)),
  },
  { path: ['model', 'timeout'], value: ({ timeoutMs }) => writtenDuration(timeoutMs) },
  { path: ['model', 'retries'], value: ({ retries }) => retries },
  { path: ['model', 'concurrency'], value: ({ concurrency }) => concurrency },
  { path: ['model', 'temperature'], value: ({ temperature }) => temperature },
  { path: ['model', 'context_messages'], value: ({ contextMessages }) => contextMessages },
  { path: ['model', 'context_tokens'], value: ({ contextTokens }) => contextTokens },
  { path: ['model', 'answer_tokens'], value: ({ answerTokens }) => answerTokens },
  { path: ['model', 'budget_tokens'], value: ({ budgetTokens }) => budgetTokens },
  { path: ['model', 'budget_money'], value: ({ budgetMoney }) => budgetMoney },
  { path: ['model', 'price_in'], value: ({ priceIn }) => priceIn },
  { path: ['model', 'price_out'], value: ({ priceOut }) => priceOut },
  { path: ['model', 'fallback'], value: ({ fallback }) => fallback },
  { path: ['model', 'moderation'], value: ({ isModerated }) => isModerated },
];

/**
 * What is in effect for the whole fleet. A value that would be unsafe as written is shown as what
 * counts instead.
 */
export const explainFleet = (inventory: Inventory, written: Written): readonly Setting[] => [
  ...explainRows(fleetRows, inventory, written, [{ text: 'inventory', path: [] }]),
  ...(inventory.model === null
    ? []
    : explainRows(modelRows, inventory.model, written, [{ text: 'inventory', path: [] }])),
];
