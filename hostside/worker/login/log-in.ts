import '../telegram/gramjs-numbers.ts';
import { computeCheck } from 'telegram/Password.js';
import { Api } from 'telegram/tl/index.js';
import type {
  LoginEnd,
  LoginKey,
  LoginProblem,
  LoginRequest,
  LoginWord,
} from '../../protocol/login.ts';
import { asFailure } from '../telegram/gramjs-failure.ts';
import { codeQuestion } from './code-question.ts';
import { LoginOver, movedTo, nameOf, overFrom } from './login-errors.ts';
import { LoginLink, type LoginNet, makeKey } from './login-link.ts';

/** The operator's side: each question rejects with {@link LoginOver} when there is no answer. */
export interface LoginDialogue {
  keep(key: LoginKey): Promise<void>;
  text(
    question: Extract<LoginWord, { readonly ask: 'phone' | 'password' | 'token' }>,
  ): Promise<string>;
  code(
    question: Extract<LoginWord, { readonly ask: 'code' }>,
  ): Promise<{ readonly text: string } | { readonly resend: true }>;
  show(qr: Extract<LoginWord, { readonly show: 'qr' }>): void;
  readonly isOver: () => boolean;
  /** Resolves when the operator is gone. */
  readonly over: Promise<void>;
}

/** So often a proof may be wrong. Telegram itself counts as well. */
const triesAllowed = 3;
/** So often in a row Telegram may answer with no code to show. */
const vainRounds = 4;
/** A QR code is replaced so long before Telegram forgets it, seconds. */
const qrLeadS = 3;

/**
 * Logs in with one key and one connection at a time. Never rejects; nothing of it stays on this
 * machine.
 */
export const logIn = async (
  request: LoginRequest,
  dialogue: LoginDialogue,
  net: LoginNet,
): Promise<LoginEnd> => {
  const login = new Login(request, dialogue, net);
  try {
    const user = await login.run();
    const { key } = login;
    const lingerMs = await login.close();
    if (user === null || key === null) return { end: 'out', lingerMs };
    const { id, username, bot } = user;
    return {
      end: 'done',
      key,
      userId: id.toString(),
      username: username ?? null,
      isBot: bot === true,
      lingerMs,
    };
  } catch (error) {
    const over = error instanceof LoginOver ? error : overFrom(asFailure(error));
    return {
      end: 'failed',
      why: over.why,
      message: over.message,
      seconds: over.seconds,
      lingerMs: await login.close(),
    };
  }
};

class Login {
  key: LoginKey | null;
  #link: LoginLink | null = null;
  readonly #request: LoginRequest;
  readonly #dialogue: LoginDialogue;
  readonly #net: LoginNet;

  constructor(request: LoginRequest, dialogue: LoginDialogue, net: LoginNet) {
    this.#request = request;
    this.#dialogue = dialogue;
    this.#net = net;
    this.key = request.key;
  }

  /** Null: nobody is logged in with the key. */
  async run(): Promise<Api.User | null> {
    const { act } = this.#request;
    const before = this.key === null ? null : await this.#takeUp();
    if (act === 'cancel') {
      if (before !== null) await this.#logOut();
      return null;
    }
    const user = before ?? (await this.#prove(act));
    if (
      this.#request.expectedUserId === null ||
      user.id.toString() === this.#request.expectedUserId
    )
      return user;
    await this.#logOut();
    throw new LoginOver(
      'other-user',
      `the account is user ${this.#request.expectedUserId}, and user ${user.id} has logged ` +
        'in; that login was ended',
    );
  }

  async close(): Promise<number> {
    const link = this.#link;
    this.#link = null;
    return link === null ? 0 : link.close();
  }

  /**
   * Who is logged in with the key that was kept; a key that Telegram does not know is forgotten.
   */
  async #takeUp(): Promise<Api.User | null> {
    try {
      await this.#open(this.key as LoginKey);
      return await this.#self();
    } catch (error) {
      const failure = asFailure(error);
      if (failure.failure.kind === 'transport' && failure.failure.code === 404) {
        await this.close();
        this.key = null;
        return null;
      }
      if (nameOf(failure) === 'AUTH_KEY_UNREGISTERED') return null;
      if (nameOf(failure) !== 'SESSION_PASSWORD_NEEDED') throw failure;
      return this.#request.act === 'cancel' ? null : this.#password();
    }
  }

  async #prove(by: 'code' | 'qr' | 'bot'): Promise<Api.User> {
    if (this.#link === null) await this.#moveTo(this.#request.dataCentre);
    if (by === 'code') return this.#byCode();
    return by === 'qr' ? this.#byQr() : this.#byToken();
  }

  async #self(): Promise<Api.User> {
    const [self] = await this.#ask(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
    if (!(self instanceof Api.User))
      throw new LoginOver('refused', 'Telegram did not say who has logged in');
    return self;
  }

  /** Another key, of that data centre: kept before anything is asked with it. */
  async #moveTo(dataCentre: number): Promise<void> {
    await this.close();
    const authKey = await makeKey(this.#net, this.#address(dataCentre), dataCentre);
    const key = { dataCentre, authKey: authKey.toString('base64') };
    await this.#dialogue.keep(key);
    this.key = key;
    await this.#open(key);
  }

  async #open({ dataCentre, authKey }: LoginKey): Promise<void> {
    const { apiId, apiHash, deviceModel, systemVersion, appVersion, langCode } = this.#request;
    const self = { apiId, apiHash, deviceModel, systemVersion, appVersion, langCode };
    const address = this.#address(dataCentre);
    this.#link = await LoginLink.open(
      { ...self, dcId: dataCentre, address, authKey: Buffer.from(authKey, 'base64') },
      this.#net,
    );
  }

  #address(dataCentre: number): string {
    const address = this.#request.addresses[dataCentre - 1];
    if (address === undefined)
      throw new LoginOver(
        'refused',
        `Telegram names a data centre ${dataCentre}, which is not known`,
      );
    return address;
  }

  #ask<A, R>(request: Api.Request<A, R>): Promise<R> {
    if (this.#link === null) throw new LoginOver('network', 'the connection is closed');
    return this.#link.ask(request);
  }

  async #logOut(): Promise<void> {
    await this.#ask<void, Api.auth.LoggedOut>(new Api.auth.LogOut());
  }

  async #byCode(): Promise<Api.User> {
    const { phone, sent: first } = await this.#sendCode();
    let sent = first;
    let problem: LoginProblem | null = null;
    for (let wrong = 0; wrong < triesAllowed; ) {
      if (sent instanceof Api.auth.SentCodeSuccess) return this.#user(sent.authorization);
      const answer = await this.#dialogue.code({ ...codeQuestion(sent), problem });
      problem = null;
      try {
        if ('resend' in answer) sent = await this.#resend(phone, sent);
        else return await this.#signIn(phone, sent, answer.text);
      } catch (error) {
        const name = nameOf(error);
        if (name === 'SESSION_PASSWORD_NEEDED') return this.#password();
        if (
          !/^(?:PHONE_CODE|CODE|EMAIL)_\w*(?:INVALID|EMPTY|EXPIRED)$|^SEND_CODE_UNAVAILABLE$/.test(
            name,
          )
        )
          throw error;
        problem = name.endsWith('EXPIRED') ? 'expired' : 'wrong';
        if (problem === 'expired') sent = (await this.#sendTo(phone)) ?? sent;
        wrong += 1;
      }
    }
    await this.#cancelCode(phone, sent);
    throw new LoginOver('proof', `the code was wrong ${triesAllowed} times`);
  }

  async #sendCode(): Promise<{ readonly phone: string; readonly sent: Api.auth.TypeSentCode }> {
    let problem: LoginProblem | null = null;
    for (let tries = 0; tries < triesAllowed; tries += 1) {
      const phone = (await this.#dialogue.text({ ask: 'phone', problem })).replace(/\D/g, '');
      try {
        const sent = await this.#sendTo(phone);
        if (sent !== null) return { phone, sent };
      } catch (error) {
        if (nameOf(error) !== 'PHONE_NUMBER_INVALID') throw error;
      }
      problem = 'invalid';
    }
    throw new LoginOver('proof', 'that is no telephone number');
  }

  async #sendTo(phone: string): Promise<Api.auth.TypeSentCode | null> {
    const { apiId, apiHash } = this.#request;
    const ask = () =>
      this.#ask(
        new Api.auth.SendCode({
          phoneNumber: phone,
          apiId,
          apiHash,
          settings: new Api.CodeSettings({}),
        }),
      );
    try {
      return await ask();
    } catch (error) {
      const dataCentre = movedTo(error);
      if (dataCentre === null && nameOf(error) !== 'AUTH_RESTART') throw error;
      if (dataCentre !== null) await this.#moveTo(dataCentre);
      return ask();
    }
  }

  #resend(phone: string, { phoneCodeHash }: Api.auth.SentCode): Promise<Api.auth.TypeSentCode> {
    return this.#ask(new Api.auth.ResendCode({ phoneNumber: phone, phoneCodeHash }));
  }

  async #cancelCode(phone: string, sent: Api.auth.TypeSentCode): Promise<void> {
    if (!(sent instanceof Api.auth.SentCode)) return;
    await this.#ask(
      new Api.auth.CancelCode({ phoneNumber: phone, phoneCodeHash: sent.phoneCodeHash }),
    ).catch(() => {});
  }

  async #signIn(
    phone: string,
    { phoneCodeHash, type }: Api.auth.SentCode,
    code: string,
  ): Promise<Api.User> {
    const proof =
      type instanceof Api.auth.SentCodeTypeEmailCode
        ? { emailVerification: new Api.EmailVerificationCode({ code }) }
        : { phoneCode: code };
    return this.#user(
      await this.#ask(new Api.auth.SignIn({ phoneNumber: phone, phoneCodeHash, ...proof })),
    );
  }

  #user(authorization: Api.auth.TypeAuthorization): Api.User {
    if (authorization instanceof Api.auth.AuthorizationSignUpRequired)
      throw new LoginOver('unoccupied', 'nobody has this number at Telegram');
    if (authorization.user instanceof Api.User) return authorization.user;
    throw new LoginOver('refused', 'Telegram did not say who has logged in');
  }

  /** The password itself is not told: Telegram is shown that we know it. */
  async #password(): Promise<Api.User> {
    let problem: LoginProblem | null = null;
    for (let tries = 0; tries < triesAllowed; tries += 1) {
      const question = await this.#ask<void, Api.account.Password>(new Api.account.GetPassword());
      const password = await this.#dialogue.text({
        ask: 'password',
        hint: question.hint ?? '',
        problem,
      });
      try {
        const proof = await computeCheck(question, password).catch(() => {
          throw new LoginOver(
            'refused',
            'Telegram asks for the password in a way that this release does not know',
          );
        });
        return this.#user(await this.#ask(new Api.auth.CheckPassword({ password: proof })));
      } catch (error) {
        if (
          !['PASSWORD_HASH_INVALID', 'SRP_ID_INVALID', 'SRP_PASSWORD_CHANGED'].includes(
            nameOf(error),
          )
        )
          throw error;
        problem = 'wrong';
      }
    }
    throw new LoginOver('proof', `the password was wrong ${triesAllowed} times`);
  }

  async #byQr(): Promise<Api.User> {
    for (let vain = 0; !this.#dialogue.isOver(); vain += 1) {
      if (vain > vainRounds)
        throw new LoginOver('refused', 'Telegram gives no QR code that can be scanned');
      try {
        const token = await this.#exportToken();
        if (token instanceof Api.auth.LoginTokenSuccess) return this.#user(token.authorization);
        if (!(token instanceof Api.auth.LoginToken)) continue;
        vain = 0;
        const forS = Math.max(
          1,
          token.expires - Math.floor((this.#link?.nowMs() ?? Date.now()) / 1000) - qrLeadS,
        );
        const shownS = Math.min(forS, 60);
        this.#dialogue.show({
          show: 'qr',
          url: `tg://login?token=${token.token.toString('base64url')}`,
          forS: shownS,
        });
        await this.#link?.scannedWithin(shownS * 1_000, this.#dialogue.over);
      } catch (error) {
        if (nameOf(error) === 'SESSION_PASSWORD_NEEDED') return this.#password();
        // It was scanned too late, or twice: another one is shown.
        if (!/^AUTH_TOKEN_(?:EXPIRED|INVALIDX?|ALREADY_ACCEPTED)$/.test(nameOf(error))) throw error;
      }
    }
    throw new LoginOver('silent', 'nobody has scanned the QR code');
  }

  async #exportToken(): Promise<Api.auth.TypeLoginToken> {
    const { apiId, apiHash } = this.#request;
    const token = await this.#ask(new Api.auth.ExportLoginToken({ apiId, apiHash, exceptIds: [] }));
    if (!(token instanceof Api.auth.LoginTokenMigrateTo)) return token;
    await this.#moveTo(token.dcId);
    return this.#ask(new Api.auth.ImportLoginToken({ token: token.token }));
  }

  async #byToken(): Promise<Api.User> {
    const { apiId, apiHash } = this.#request;
    let problem: LoginProblem | null = null;
    for (let tries = 0; tries < triesAllowed; tries += 1) {
      const botAuthToken = (await this.#dialogue.text({ ask: 'token', problem })).trim();
      const ask = () =>
        this.#ask(new Api.auth.ImportBotAuthorization({ flags: 0, apiId, apiHash, botAuthToken }));
      try {
        return this.#user(await ask());
      } catch (error) {
        const dataCentre = movedTo(error);
        if (dataCentre !== null) {
          await this.#moveTo(dataCentre);
          return this.#user(await ask());
        }
        if (!/^ACCESS_TOKEN_(?:INVALID|EXPIRED)$/.test(nameOf(error))) throw error;
        problem = nameOf(error).endsWith('EXPIRED') ? 'expired' : 'wrong';
      }
    }
    throw new LoginOver('proof', 'Telegram does not know the bot token');
  }
}
