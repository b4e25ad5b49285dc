import type { Kysely } from 'kysely';
import { up as core } from './0001-core.ts';
import { up as latency } from './0002-latency.ts';
import { up as health } from './0003-health.ts';
import { up as pinsAndInputs } from './0004-pins-and-inputs.ts';
import { up as sampleTimes } from './0005-sample-times.ts';
import { up as answering } from './0006-answering.ts';
import { up as statements } from './0007-statements.ts';
import { up as historyChain } from './0008-history-chain.ts';
import { up as hostIdentity } from './0009-host-identity.ts';
import { up as announcedReboots } from './0010-announced-reboots.ts';
import { up as displayNames } from './0011-display-names.ts';
import { up as alerts } from './0012-alerts.ts';
import { up as acknowledgedSerials } from './0013-acknowledged-serials.ts';
import { up as canaries } from './0014-canaries.ts';
import { up as logins } from './0015-logins.ts';
import { up as alertChannels } from './0016-alert-channels.ts';
import { up as loginRefusals } from './0017-login-refusals.ts';
import { up as serving } from './0018-serving.ts';

/**
 * In order; the n-th brings a ledger to version n (SQLite's `user_version`). Never edited after a
 * release, only appended to.
 */
export const migrations: readonly ((db: Kysely<unknown>) => Promise<void>)[] = [
  core,
  latency,
  health,
  pinsAndInputs,
  sampleTimes,
  answering,
  statements,
  historyChain,
  hostIdentity,
  announcedReboots,
  displayNames,
  alerts,
  acknowledgedSerials,
  canaries,
  logins,
  alertChannels,
  loginRefusals,
  serving,
];
