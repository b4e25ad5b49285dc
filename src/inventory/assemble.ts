import { dirname, join, resolve } from 'node:path';
import { bundledLingerMs, customLingerMs } from '../../hostside/protocol/linger.ts';
import type {
  AccountSpec,
  AnswerLimitsSpec,
  ChatSpec,
  CustomWorker,
  FencePolicy,
  HoldPolicy,
  HostSpec,
  Inventory,
  Location,
  ModelSpec,
  PlacementPolicy,
  RebalancePolicy,
  SshSettings,
  SweepPolicy,
  TelegramSettings,
} from '../model/inventory.ts';
import type { AccountName, HostName } from '../model/names.ts';
import { alertsFrom } from './assemble-alerts.ts';
import { ledgerPlaceFrom, postgresFrom } from './ledger-place.ts';
import { resolvePath } from './resolve-path.ts';
import { findCity } from './rules/cities.ts';
import { expandEgress } from './schema/egress.ts';
import { boundedLimits, given, partialLimits, standardLimits } from './schema/limits.ts';
import {
  type AccountYaml,
  bundledWorker,
  type GroupYaml,
  type HostYaml,
  type InventoryYaml,
} from './schema/schema.ts';

type SshYaml = NonNullable<HostYaml['ssh']>;
type TelegramYaml = InventoryYaml['telegram'];
type AccountDefaults = Omit<AccountSpec, 'name'>;
/** What `defaults`, a group and a host have in common, from weak to strong. */
type HostLayer = Omit<GroupYaml, 'groups'>;

const locationFrom = (yaml: HostYaml['location']): Location | null => {
  if (yaml === undefined) return null;
  if (typeof yaml === 'string') return findCity(yaml);
  return {
    name: yaml.name ?? `${yaml.lat},${yaml.lon}`,
    latitude: yaml.lat,
    longitude: yaml.lon,
    country: yaml.country?.toUpperCase() ?? null,
  };
};

/** The last layer that says something wins. */
const last = <Layer, Value>(
  layers: readonly Layer[],
  pick: (layer: Layer) => Value | undefined,
): Value | undefined =>
  layers.reduce<Value | undefined>((value, layer) => pick(layer) ?? value, undefined);

const sshFrom = (
  host: HostYaml,
  layers: readonly SshYaml[],
  absolute: (path: string) => string,
): SshSettings => ({
  address: host.address ?? null,
  user: last(layers, (layer) => layer.user) ?? null,
  port: last(layers, (layer) => layer.port) ?? null,
  identityFiles: (last(layers, (layer) => layer.identity_files) ?? []).map(absolute),
  hostKeys: (host.host_keys ?? []).map((key) => key.replace(/=$/, '')),
  password: last(layers, (layer) => layer.password) ?? null,
  passphrase: last(layers, (layer) => layer.passphrase) ?? null,
  sudoPassword: last(layers, (layer) => layer.sudo_password) ?? null,
  sudo: last(layers, (layer) => layer.sudo) ?? 'full',
  initUser: last(layers, (layer) => layer.init_user) ?? null,
  transport: last(layers, (layer) => layer.transport) ?? 'auto',
  connectTimeoutMs: last(layers, (layer) => layer.connect_timeout) ?? 10_000,
  commandTimeoutMs: last(layers, (layer) => layer.command_timeout) ?? 120_000,
});

type Groups = NonNullable<InventoryYaml['groups']>;

/** Groups in the order in which they apply: what a group belongs to comes before it; each once. */
const appliedGroups = (
  names: readonly string[],
  groups: Groups,
  applied: Set<string> = new Set(),
): Set<string> => {
  for (const name of names) {
    if (applied.has(name)) continue;
    appliedGroups(groups[name]?.groups ?? [], groups, applied);
    applied.add(name);
  }
  return applied;
};

const fenceFrom = (yaml: HostLayer['fence']): FencePolicy | null =>
  yaml === undefined
    ? null
    : { off: yaml.off, verify: yaml.verify, timeoutMs: yaml.timeout ?? 60_000 };

const hostFrom = (
  name: string,
  host: HostYaml,
  yaml: InventoryYaml,
  absolute: (path: string) => string,
): HostSpec => {
  const groups = [...appliedGroups(host.groups ?? [], yaml.groups ?? {})];
  const members = groups.map((group): HostLayer => yaml.groups?.[group] ?? {});
  const layers: readonly HostLayer[] = [yaml.defaults ?? {}, ...members, host];
  const ssh = [yaml.ssh ?? {}, ...[...members, host].map((layer) => layer.ssh ?? {})];
  return {
    name: name as HostName,
    groups,
    labels: Object.assign({}, ...layers.map((layer) => layer.labels)),
    zone: last(layers, (layer) => layer.zone) ?? null,
    location: locationFrom(last(layers, (layer) => layer.location)),
    ssh: sshFrom(host, ssh, absolute),
    fence: fenceFrom(last(layers, (layer) => layer.fence)),
    profile: last(layers, (layer) => layer.profile) ?? 'account-host',
    maxAccounts: last(layers, (layer) => layer.max_accounts) ?? 5,
    cordoned: last(layers, (layer) => layer.cordoned) ?? false,
    limits: boundedLimits(
      Object.assign(
        {},
        standardLimits,
        ...layers.map((layer) => partialLimits(layer.limits ?? {})),
      ),
    ),
    timeZone: last(layers, (layer) => layer.time_zone) ?? 'Etc/UTC',
    allowUnsupportedOs: last(layers, (layer) => layer.allow_unsupported_os) ?? false,
  };
};

const telegramFrom = (
  base: TelegramYaml,
  own: NonNullable<AccountYaml['telegram']>,
): TelegramSettings => ({
  apiId: own.api_id ?? base.api_id,
  apiHash: own.api_hash ?? base.api_hash,
  deviceModel: own.device_model ?? base.device_model ?? 'fleet worker',
  systemVersion: own.system_version ?? base.system_version ?? 'Linux',
  appVersion: own.app_version ?? base.app_version ?? '1.0',
  langCode: own.lang_code ?? base.lang_code ?? 'en',
});

const ownTelegramFrom = (own: NonNullable<AccountYaml['telegram']>): Partial<TelegramSettings> => ({
  ...given('apiId', own.api_id),
  ...given('apiHash', own.api_hash),
  ...given('deviceModel', own.device_model),
  ...given('systemVersion', own.system_version),
  ...given('appVersion', own.app_version),
  ...given('langCode', own.lang_code),
});

const workerFrom = (yaml: AccountYaml['worker']): CustomWorker | null =>
  yaml === undefined || yaml === bundledWorker
    ? null
    : {
        command: yaml.command,
        sessionFormat: yaml.session_format ?? 'gramjs-string',
        lingerMs: yaml.linger ?? customLingerMs,
      };

const chatsFrom = (yaml: AccountYaml['chats']): readonly ChatSpec[] => {
  const named = Array.isArray(yaml)
    ? yaml.map((id) => [null, id] as const)
    : Object.entries(yaml ?? {});
  return named.map(([name, id]) => ({ id, name }));
};

const offOr = (limit: number | 'off' | undefined): number | null | undefined =>
  limit === 'off' ? null : limit;

const answerLimitsFrom = (yaml: NonNullable<AccountYaml['answer_limits']>): AnswerLimitsSpec => ({
  ...given('perAccount', offOr(yaml.per_account)),
  ...given('perChat', offOr(yaml.per_chat)),
  ...given('perUser', offOr(yaml.per_user)),
  ...given('ceiling', yaml.ceiling),
});

const modelFrom = (yaml: InventoryYaml['model']): ModelSpec | null =>
  yaml === undefined
    ? null
    : {
        baseUrl: yaml.base_url,
        model: yaml.model,
        apiKey: yaml.api_key ?? null,
        timeoutMs: yaml.timeout ?? 12_000,
        retries: yaml.retries ?? 2,
        concurrency: yaml.concurrency ?? 4,
        temperature: yaml.temperature ?? null,
        contextMessages: yaml.context_messages ?? 100,
        contextTokens: yaml.context_tokens ?? 3_000,
        answerTokens: yaml.answer_tokens ?? 400,
        budgetTokens: yaml.budget_tokens ?? null,
        budgetMoney: yaml.budget_money ?? null,
        priceIn: yaml.price_in ?? 0,
        priceOut: yaml.price_out ?? 0,
        fallback: yaml.fallback ?? null,
        isModerated: yaml.moderation ?? false,
      };

const accountFrom = (own: AccountYaml, yaml: InventoryYaml): AccountDefaults => {
  const layers: readonly AccountYaml[] = [yaml.account_defaults ?? {}, own];
  return {
    labels: Object.assign({}, ...layers.map((layer) => layer.labels)),
    group: last(layers, (layer) => layer.group) ?? null,
    script: last(layers, (layer) => layer.script) ?? null,
    owner: last(layers, (layer) => layer.owner) ?? null,
    location: locationFrom(last(layers, (layer) => layer.location)),
    allowedZones: last(layers, (layer) => layer.allowed_zones) ?? [],
    pinnedTo: (last(layers, (layer) => layer.pinned_to) as HostName | undefined) ?? null,
    strategy: last(layers, (layer) => layer.strategy) ?? null,
    limits: Object.assign({}, ...layers.map((layer) => partialLimits(layer.limits ?? {}))),
    chats: chatsFrom(last(layers, (layer) => layer.chats)),
    answerLimits: Object.assign(
      {},
      ...layers.map((layer) => answerLimitsFrom(layer.answer_limits ?? {})),
    ),
    telegram: telegramFrom(yaml.telegram, own.telegram ?? {}),
    ownTelegram: ownTelegramFrom(own.telegram ?? {}),
    worker: workerFrom(last(layers, (layer) => layer.worker)),
    logLevel: last(layers, (layer) => layer.log_level) ?? 'info',
  };
};

const placementFrom = (yaml: NonNullable<InventoryYaml['placement']>): PlacementPolicy => ({
  strategy: yaml.strategy ?? 'load',
  strategyByLabel: Object.entries(yaml.strategy_by_label ?? {}).map(([label, strategy]) => ({
    label,
    strategy,
  })),
  weights: {
    cpu: yaml.weights?.cpu ?? 0.3,
    memory: yaml.weights?.memory ?? 0.3,
    slots: yaml.weights?.slots ?? 0.3,
    disk: yaml.weights?.disk ?? 0.1,
  },
  threshold: yaml.threshold ?? 30,
  maxMigrations: yaml.max_migrations ?? 10,
  memoryLimitRatio: (yaml.memory_limit_percent ?? 90) / 100,
  sampleMaxAgeMs: yaml.sample_max_age ?? 300_000,
  cooldownMs: yaml.cooldown ?? 21_600_000,
});

const rebalanceFrom = (yaml: NonNullable<InventoryYaml['rebalance']>): RebalancePolicy => ({
  patience: yaml.patience ?? 3,
  restMs: yaml.rest ?? 1_800_000,
  halfLifeMs: yaml.half_life ?? 1_800_000,
  measuredForMs: yaml.measured_for ?? 300_000,
  addressChangesPerWeek: yaml.address_changes_per_week ?? 3,
  crossCountry: yaml.cross_country ?? false,
});

const holdFrom = (yaml: NonNullable<InventoryYaml['hold']>): HoldPolicy => ({
  holdAfterMs: yaml.after ?? 600_000,
  requireClockSync: yaml.require_clock_sync ?? true,
  settleMs: yaml.settle ?? 5_000,
  settleUncleanMs: Math.max(yaml.settle_unclean ?? 30_000, bundledLingerMs),
});

/**
 * Floors below the time for which Telegram may count a lost connection: another use of the session
 * within it may destroy it.
 */
const raisedFloors = ({ hold, failover }: InventoryYaml): readonly string[] => {
  const floors = {
    'hold.settle_unclean': hold?.settle_unclean,
    'failover.settle': failover?.settle,
  };
  const low = Object.entries(floors).filter(([, ms]) => ms !== undefined && ms < bundledLingerMs);
  return low.map(
    ([key, ms = 0]) =>
      `${key} is ${ms / 1000} s, but Telegram may count a lost connection for ` +
      `${bundledLingerMs / 1000} s: that is what counts instead`,
  );
};

const sweepFrom = (yaml: NonNullable<InventoryYaml['sweep']>): SweepPolicy => ({
  downAfterMs: yaml.down_after ?? 180_000,
  keepSamplesMs: yaml.keep_samples ?? 604_800_000,
});

/**
 * The inventory with all defaults applied. For hosts, `defaults` < groups in the order listed (what
 * a group belongs to before it) < the host;
 * labels and limits are joined key by key, everything else is replaced. Expects that {@link
 * referenceProblems} found nothing.
 */
export const assembleInventory = (yaml: InventoryYaml, path: string, home: string): Inventory => {
  const file = resolve(path);
  const absolute = (each: string): string => resolvePath(each, dirname(file), home);
  const postgres = postgresFrom(yaml.postgres ?? {}, absolute);
  const ledger = ledgerPlaceFrom(yaml.ledger ?? 'fleet.db', postgres, absolute);
  return {
    fleet: yaml.fleet,
    path: file,
    ledger,
    postgres,
    paths: {
      backups: join(dirname(ledger.kind === 'file' ? ledger.path : file), 'backups'),
      vault: absolute(yaml.vault.path ?? 'vault'),
      knownHosts: absolute(yaml.ssh?.known_hosts ?? 'known_hosts'),
      scripts: absolute(yaml.scripts ?? 'scripts'),
    },
    vaultKey: yaml.vault.key,
    concurrency: yaml.concurrency ?? 32,
    placement: placementFrom(yaml.placement ?? {}),
    failover: {
      maxHosts: yaml.failover?.max_hosts ?? 1,
      settleMs: Math.max(yaml.failover?.settle ?? 0, bundledLingerMs),
    },
    rebalance: rebalanceFrom(yaml.rebalance ?? {}),
    hold: holdFrom(yaml.hold ?? {}),
    sweep: sweepFrom(yaml.sweep ?? {}),
    model: modelFrom(yaml.model),
    answerSlotMs: yaml.answer_slot ?? 20_000,
    egress: expandEgress(yaml.egress?.allow, yaml.model?.base_url ?? null),
    alerts: alertsFrom(yaml.alerts),
    hosts: Object.entries(yaml.hosts).map(([name, host]) =>
      hostFrom(name, host ?? {}, yaml, absolute),
    ),
    accounts: Object.entries(yaml.accounts ?? {}).map(([name, own]) => ({
      name: name as AccountName,
      ...accountFrom(own ?? {}, yaml),
    })),
    accountDefaults: accountFrom({}, yaml),
    runtimeMirror: yaml.runtime_mirror ?? null,
    raised: raisedFloors(yaml),
  };
};
