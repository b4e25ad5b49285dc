import type { SessionFormat } from '../model/session.ts';
import { keyIdOf, refuseAuthKey } from './auth-key.ts';
import { isProductionDataCentre, isTestAddress } from './data-centres.ts';
import { refuse, type SessionOutcome, type SessionWarning } from './session-outcome.ts';

/** What a format says, before anything was believed. */
export interface SessionFacts {
  readonly format: SessionFormat;
  readonly dataCentre: bigint;
  /** Empty where none is stored. */
  readonly authKey: Uint8Array;
  /** Null where the format does not carry it or left it empty. */
  readonly userId: bigint | null;
  readonly userRequired: boolean;
  readonly isBot: boolean;
  readonly testMode: boolean;
  /** Stored server address, only used to recognise test data centres. */
  readonly address: string | null;
  readonly apiId: bigint | null;
  readonly warnings: readonly SessionWarning[];
}

const maxUserId = 2n ** 63n - 1n;
const maxApiId = 2n ** 31n - 1n;

const warningsOf = (facts: SessionFacts, userId: bigint | null): readonly SessionWarning[] => [
  ...facts.warnings,
  ...(userId === null
    ? [
        {
          code: 'USER_UNKNOWN',
          message: 'the session does not say whose it is; known once the account is online',
        } as const,
      ]
    : []),
  ...(facts.isBot
    ? [{ code: 'BOT', message: 'the session belongs to a bot, not to a person' } as const]
    : []),
];

/**
 * The one place where a session is believed, whatever its format. Order of refusals: key, data
 * centre, test mode, user.
 * Codes: `NO_KEY` `KEY_LENGTH` `KEY_DEGENERATE` `DC_RANGE` `TEST_MODE` `NO_USER`.
 */
export const assembleSession = (facts: SessionFacts, where: string): SessionOutcome => {
  const badKey = refuseAuthKey(facts.authKey, where);
  if (badKey !== undefined) {
    return badKey;
  }
  if (!isProductionDataCentre(facts.dataCentre)) {
    return refuse(
      'DC_RANGE',
      where,
      `names data centre ${facts.dataCentre}; accounts live in 1 to 5`,
      'The session is damaged or belongs to a content server: log in anew.',
    );
  }
  if (facts.testMode || (facts.address !== null && isTestAddress(facts.address))) {
    return refuse(
      'TEST_MODE',
      where,
      "belongs to Telegram's test servers",
      'Import a session of the production servers.',
    );
  }
  const userId =
    facts.userId !== null && facts.userId > 0n && facts.userId <= maxUserId ? facts.userId : null;
  if (userId === null && facts.userRequired) {
    return refuse(
      'NO_USER',
      where,
      'names no user, which this format always does after a login',
      'The login was not finished: log in with the tool that made it, then import again.',
    );
  }
  const authKey = Uint8Array.from(facts.authKey);
  return {
    ok: true,
    session: {
      dataCentre: Number(facts.dataCentre),
      authKey,
      userId,
      isBot: facts.isBot,
      testMode: false,
      keyId: keyIdOf(authKey),
    },
    format: facts.format,
    apiId:
      facts.apiId !== null && facts.apiId > 0n && facts.apiId <= maxApiId
        ? Number(facts.apiId)
        : null,
    warnings: warningsOf(facts, userId),
  };
};
