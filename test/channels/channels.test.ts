import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { SMTPServer } from 'smtp-server';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compose, type Message } from '../../src/alerts/message.ts';
import {
  type ChannelRefusal,
  type ChannelWorld,
  channelWorldOf,
} from '../../src/channels/channel.ts';
import { openChannel } from '../../src/channels/open-channel.ts';
import type { ChannelSpec } from '../../src/model/alert-policy.ts';
import { listening, startMs } from '../alerts/alerts-fixture.ts';

const item = {
  key: 'host-down/h1',
  rule: 'host-down',
  status: 'firing',
  severity: 'critical',
  kind: 'host',
  subject: 'h1',
  host: null,
} as const;
const message = (text = 'h1 does not answer'): Message =>
  compose(
    '11111111-2222',
    'test',
    [{ ...item, since: startMs, endedAt: null, text, command: 'fleet failover h1 --dry-run' }],
    'en',
    startMs,
  );

const secret = (target: string) => ({ kind: 'env', target }) as const;
const token = '123456:ABCDEFghijklmnopqrstuvwxyz';

const world = (
  secrets: Readonly<Record<string, string>> = {},
  folder = '/nowhere',
  limitMs = 20_000,
): ChannelWorld =>
  channelWorldOf({
    folder,
    readSecret: async ({ target }) => secrets[target] ?? '',
    now: () => startMs,
    signal: new AbortController().signal,
    limitMs,
  });

const webhook = (url: string, body = 'fleet', more: Partial<ChannelSpec> = {}): ChannelSpec =>
  ({ kind: 'webhook', url, body, authorization: null, signKey: null, ...more }) as ChannelSpec;
const send = (
  spec: ChannelSpec,
  secrets: Readonly<Record<string, string>> = {},
  folder?: string,
  text?: string,
  limitMs?: number,
): Promise<ChannelRefusal | null> =>
  openChannel('team', spec, world(secrets, folder, limitMs)).send(message(text));
/** For what never answers. */
const soonMs = 1_000;

describe('a webhook', () => {
  it('in the shape of each template, as its service takes it', async () => {
    const { url, heard } = await listening((response) => response.end('{"errcode":0,"code":0}'));
    for (const body of ['slack', 'feishu', 'dingtalk', 'wecom', 'ntfy', 'alertmanager'])
      await send(webhook(`${url}/x?k=1`, body));
    const [slack, feishu, dingtalk, wecom, ntfy, manager] = heard.map(({ body }) => body);
    const text =
      'test: 1 critical\nCRITICAL h1 does not answer\n  run: fleet failover h1 --dry-run';
    expect(JSON.parse(slack ?? '')).toEqual({ text });
    expect(JSON.parse(feishu ?? '')).toEqual({ msg_type: 'text', content: { text } });
    expect(JSON.parse(dingtalk ?? '')).toEqual({ msgtype: 'text', text: { content: text } });
    expect(JSON.parse(wecom ?? '')).toEqual({ msgtype: 'text', text: { content: text } });
    expect(ntfy).toBe('CRITICAL h1 does not answer\n  run: fleet failover h1 --dry-run');
    expect(heard[4]?.path).toBe('/x?k=1&title=test%3A+1+critical&priority=5');
    expect(JSON.parse(manager ?? '')).toMatchObject({
      version: '4',
      status: 'firing',
      alerts: [{ labels: { alertname: 'host-down', host: 'h1' } }],
    });
  });

  it('signs as Feishu and DingTalk want it', async () => {
    const { url, heard } = await listening((response) => response.end('{"errcode":0,"code":0}'));
    const signKey = { signKey: secret('KEY') };
    await send(webhook(url, 'feishu', signKey), { KEY: 'SECabc' });
    await send(webhook(url, 'dingtalk', signKey), { KEY: 'SECabc' });
    // printf '' | openssl dgst -sha256 -hmac "$(printf '1700000000\nSECabc')" -binary | base64
    const feishu = 'XprR1de+0SSBnwWyU/4k6x2TL+Q2SJlM5NNEdAv7MWg=';
    expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject({
      timestamp: '1700000000',
      sign: feishu,
    });
    // printf '1700000000000\nSECabc' | openssl dgst -sha256 -hmac SECabc -binary | base64
    const dingtalk = 'jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM=';
    expect(heard[1]?.path).toBe(`/?timestamp=1700000000000&sign=${encodeURIComponent(dingtalk)}`);
  });

  it('whose service answers 200 and refuses is not taken', async () => {
    const { url } = await listening((response) =>
      response.end('{"errcode":93000,"errmsg":"invalid webhook url"}'),
    );
    await expect(send(webhook(url, 'wecom'))).rejects.toMatchObject({
      code: 'channel',
      message:
        `alerts: channel team: ${url} did not take the message: errcode 93000: invalid ` +
        'webhook url',
    });
  });

  it('keeps a text within the limits of its service, in characters of four bytes too', async () => {
    const { url, heard } = await listening((response) => response.end('{"errcode":0}'));
    await send(webhook(url, 'wecom'), {}, undefined, '主机👩‍👩‍👧‍👦'.repeat(2000));
    const { text } = JSON.parse(heard[0]?.body ?? '') as {
      readonly text: { readonly content: string };
    };
    expect(Buffer.byteLength(text.content)).toBeLessThanOrEqual(2048);
    expect(text.content).toMatch(/(?:主机|👩‍👩‍👧‍👦)\n\.\.\. more/u);
    expect(text.content).toMatch(/more: fleet alerts list$/);
    expect(text.content).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
  });

  it('cannot be changed in its shape by what a name contains', async () => {
    const { url, heard } = await listening((response) => response.end('ok'));
    await send(webhook(url, 'slack'), {}, undefined, '"}, {title} {sign} \\ \u0000');
    expect(Object.keys(JSON.parse(heard[0]?.body ?? ''))).toEqual(['text']);
    expect(JSON.parse(heard[0]?.body ?? '').text).toContain('"}, {title} {sign} \\');
  });

  it('by a template of the operator; a wrong one names its file and place', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-template-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'alerts'));
    await writeFile(
      join(folder, 'alerts', 'own.yaml'),
      'headers: { x-level: "{severity}" }\nbody: { a: [1, "{title}"], b: null }\n',
    );
    await writeFile(join(folder, 'alerts', 'bad.yaml'), 'bodi: x\n');
    const { url, heard } = await listening();
    await send(webhook(url, 'own'), {}, folder);
    expect(JSON.parse(heard[0]?.body ?? '')).toEqual({ a: [1, 'test: 1 critical'], b: null });
    expect(heard[0]?.headers['x-level']).toBe('critical');
    await expect(send(webhook(url, 'bad'), {}, folder)).rejects.toMatchObject({
      message: expect.stringContaining('alerts/bad.yaml is wrong at'),
    });
    await expect(send(webhook(url, 'none'), {}, folder)).rejects.toMatchObject({
      message: expect.stringContaining('there is no template none'),
    });
  });

  it.each([
    ['hangs', () => undefined, /did not answer within 1 s$/, /is the service up/],
    [
      'answers 500',
      500,
      /answered with status 500: Oops \/\*\*\*\/\*\*\* and \*\*\*$/,
      /tried again by the next sweeps/,
    ],
    ['redirects', 302, /sends elsewhere \(status 302\)$/, /name the final address/],
    ['does not know it', 404, /answered with status 404/, /mistyped or revoked/],
    ['refuses it', 403, /answered with status 403/, /make a new one/],
  ] as const)(
    'that %s has a sentence and a hint of its own, without its secret',
    async (_, how, what, hint) => {
      const { url } = await listening((response) => {
        if (typeof how === 'number')
          response
            .writeHead(how, { location: '/elsewhere' })
            .end('Oops\n/services/T0SECRETSECRET and qqsecretqq');
      });
      const spec = webhook('', 'fleet', { url: secret('URL') } as never);
      const secrets = { URL: `${url}/services/T0SECRETSECRET?key=qqsecretqq` };
      const limitMs = typeof how === 'number' ? undefined : soonMs;
      const error = await send(spec, secrets, undefined, undefined, limitMs).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({
        code: 'channel',
        message: expect.stringMatching(what),
        hint: expect.stringMatching(hint),
      });
      expect(JSON.stringify(error) + String(error)).not.toMatch(/SECRET|qqsecretqq/);
    },
  );

  it('that repeats what it was authorized with is quoted without it, cut or not', async () => {
    for (const before of ['', 'x'.repeat(190)]) {
      const { url } = await listening((response, { headers }) =>
        response.writeHead(401).end(`${before} ${headers.authorization} is old`),
      );
      const spec = webhook(url, 'fleet', { authorization: secret('AUTH') } as never);
      const error = await send(spec, { AUTH: 'Bearer qqqq-wwww-eeee-rrrr' }).catch(
        (thrown: unknown) => thrown,
      );
      expect(String(error)).toMatch(/status 401/);
      expect(inspect(error, { depth: 9 })).not.toMatch(/qqqq|wwww/);
    }
  });

  it('with a broken % sequence in its address is refused like any other', async () => {
    const { url } = await listening((response) => response.writeHead(500).end('no'));
    await expect(send(webhook(`${url}/abcdefgh%zz`))).rejects.toMatchObject({ code: 'channel' });
  });

  it('whose reference holds no address says so, without what it holds', async () => {
    const error = await send(webhook('', 'fleet', { url: secret('URL') } as never), {
      URL: 'file:///etc/shadow',
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'channel',
      message: 'alerts: channel team: its address is no http or https address',
    });
  });

  it.each([
    ['in its address', { url: secret('URL') }, { URL: '/robot?key=qqsecretqq' }],
    [
      'in its authorization',
      { url: secret('URL'), authorization: secret('AUTH') },
      { URL: '/robot', AUTH: 'Bearer qqsecretqq' },
    ],
    ['in a login', { url: secret('URL') }, { URL: 'fleet:qqsecretqq' }],
  ])(
    'that takes nothing and repeats its secret %s does not get it into a log',
    async (where, spec, secrets) => {
      const said = '{"errcode":93000,"errmsg":"no robot has qqsecretqq"}';
      for (const status of [200, 403]) {
        const { url } = await listening((response) => response.writeHead(status).end(said));
        const address =
          where === 'in a login' ? url.replace('//', `//${secrets.URL}@`) : url + secrets.URL;
        const sending = send(webhook('', 'wecom', spec as never), { ...secrets, URL: address });
        const error = await sending.catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({
          code: 'channel',
          message: expect.stringContaining('no robot has ***'),
        });
        expect(JSON.stringify(error) + String(error)).not.toContain('qqsecretqq');
      }
    },
  );

  it('is not asked with a secret that is no header, nor is that shown', async () => {
    const { url, heard } = await listening();
    const error = await send(webhook(url, 'fleet', { authorization: secret('AUTH') } as never), {
      AUTH: 'one\nqqsecretqq',
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'channel',
      message: expect.stringContaining('is no header'),
    });
    expect(String((error as Error).cause) + String(error)).not.toContain('qqsecretqq');
    expect(heard).toEqual([]);
  });

  it('calls nobody and links nowhere by what a worker says', async () => {
    const { url, heard } = await listening((response) => response.end('{"errcode":0,"code":0}'));
    const said = 'anna: <!channel> <https://evil.example|fleet> & <at user_id="all">';
    for (const body of ['slack', 'feishu', 'wecom'])
      await send(webhook(url, body), {}, undefined, said);
    expect(heard[0]?.body).toContain(
      'anna: &lt;!channel&gt; &lt;https://evil.example|fleet&gt; &amp;',
    );
    for (const { body } of heard) expect(body).not.toMatch(/<!|<at|<http/);
  });

  it('gets a message also where a header of its template takes no such text', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-template-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'alerts'));
    await writeFile(
      join(folder, 'alerts', 'own.yaml'),
      'headers: { x-text: "{text}" }\nbody: "x"\n',
    );
    const { url, heard } = await listening();
    await send(webhook(url, 'own'), {}, folder, '主机\r\nx-evil: 1');
    expect(Buffer.from(String(heard[0]?.headers['x-text']), 'latin1').toString()).toContain('主机');
    expect(heard[0]?.headers['x-evil']).toBeUndefined();
  });

  it.each(['a pipe', 'a device', 'too long'])(
    'with %s in the place of its template does not wait',
    async (what) => {
      const folder = await mkdtemp(join(tmpdir(), 'fleet-template-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      await mkdir(join(folder, 'alerts'));
      const path = join(folder, 'alerts', 'own.yaml');
      if (what === 'a pipe') execFileSync('mkfifo', [path]);
      else if (what === 'a device') await symlink('/dev/zero', path);
      else await writeFile(path, `body: "${'x'.repeat(70_000)}"`);
      await expect(send(webhook('http://127.0.0.1:9', 'own'), {}, folder)).rejects.toMatchObject({
        message: expect.stringContaining('own.yaml cannot be read'),
      });
    },
  );

  it('with a certificate of nobody known is told from one that is down', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-certificate-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = [
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
    ];
    execFileSync('openssl', ['req', ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const server = createHttpsServer(
      { key: await readFile(key), cert: await readFile(cert) },
      (_, response) => response.end(),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(send(webhook(`https://127.0.0.1:${port}`))).rejects.toMatchObject({
      message: expect.stringMatching(
        /has a certificate that this machine does not trust \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
      ),
      hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    });
  });

  it('that answers without end costs bounded memory', async () => {
    const { url } = await listening((response) => {
      response.writeHead(500);
      const chunk = Buffer.alloc(65_536, 'x');
      const more = (): void => {
        while (response.write(chunk));
        response.once('drain', more);
      };
      more();
    });
    await expect(send(webhook(url))).rejects.toMatchObject({
      message: expect.stringMatching(/status 500: x{200}$/),
    });
  });
});

describe('a Telegram bot', () => {
  const bot = (server: string): ChannelSpec => ({
    kind: 'telegram',
    token: secret('TOKEN'),
    chat: '-100123',
    server,
  });

  it('writes one message of at most 4,096 characters', async () => {
    const { url, heard } = await listening((response) => response.end('{"ok":true}'));
    await send(bot(url), { TOKEN: token }, undefined, 'long line\n'.repeat(2000));
    expect(heard[0]?.path).toBe(`/bot${token}/sendMessage`);
    const { text, chat_id } = JSON.parse(heard[0]?.body ?? '') as {
      readonly text: string;
      readonly chat_id: string;
    };
    expect([chat_id, text.length <= 4096, text.endsWith('more: fleet alerts list')]).toEqual([
      '-100123',
      true,
      true,
    ]);
  });

  it.each([
    [401, { ok: false, error_code: 401, description: 'Unauthorized' }, /token was revoked/, null],
    [
      400,
      { ok: false, error_code: 400, description: 'Bad Request: chat not found' },
      /add the bot to that chat/,
      null,
    ],
    [
      403,
      { ok: false, error_code: 403, description: 'Forbidden: bot was kicked from the group chat' },
      /may not write there/,
      null,
    ],
    [
      429,
      {
        ok: false,
        error_code: 429,
        description: 'Too Many Requests: retry after 35',
        parameters: { retry_after: 35 },
      },
      /pause/,
      35_000,
    ],
  ])(
    'that is refused with %s says why and what to do, never its token',
    async (status, answer, hint, retryAfterMs) => {
      const { url } = await listening((response) =>
        response.writeHead(status).end(JSON.stringify(answer)),
      );
      const error = await send(bot(url), { TOKEN: token }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'channel',
        message: `alerts: channel team: Telegram answered: ${answer.description}`,
        hint: expect.stringMatching(hint),
        retryAfterMs,
      });
      expect(JSON.stringify(error) + String(error)).not.toContain('ABCDEF');
    },
  );

  it('cuts what is too long between what people read as one letter, and says so in the language of the fleet', async () => {
    const { url, heard } = await listening((response) => response.end('{"ok":true}'));
    const family = '👩‍👩‍👧‍👦';
    const own = { ...message(`x${family.repeat(1000)}`), language: 'zh' } as const;
    await openChannel('team', bot(url), world({ TOKEN: token })).send(own);
    const { text, link_preview_options } = JSON.parse(heard[0]?.body ?? '') as {
      text: string;
      link_preview_options: object;
    };
    expect(text.length).toBeLessThanOrEqual(4096);
    expect(text.length).toBeGreaterThan(4000);
    expect(text).toMatch(
      new RegExp(`x(?:${family})+\\n…… 更多内容请执行：fleet alerts list$`, 'u'),
    );
    expect(link_preview_options).toEqual({ is_disabled: true });
  });

  it('whose server repeats the token is quoted without it', async () => {
    const answer = {
      ok: false,
      error_code: 400,
      description: `no ${token}, nor ${token.slice(7)}`,
    };
    const { url } = await listening((response) =>
      response.writeHead(400).end(JSON.stringify(answer)),
    );
    const error = await send(bot(url), { TOKEN: token }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: 'alerts: channel team: Telegram answered: no ***, nor ***',
    });
  });

  it('without a token that could be one asks nobody', async () => {
    await expect(send(bot('http://127.0.0.1:9'), { TOKEN: 'x/../y' })).rejects.toMatchObject({
      message: expect.stringContaining('no bot token'),
    });
  });
});

describe('a program', () => {
  it('gets the message on its standard input', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-command-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await send({ kind: 'command', argv: ['tee', 'heard.json'] }, {}, folder);
    expect(JSON.parse(await readFile(join(folder, 'heard.json'), 'utf8'))).toMatchObject({
      format: 1,
      fleet: 'test',
      items: [{ rule: 'host-down' }],
    });
  });

  it.each([
    [['sh', '-c', 'echo first >&2; echo no network >&2; exit 7'], /sh ended with 7: no network$/],
    [['fleet-no-such-program'], /cannot be run \(ENOENT\)$/],
    [['sh', '-c', 'sleep 100 & wait'], /did not end within 3 s$/],
    [['true'], null],
  ])('%j', async (argv, what) => {
    const sending = send(
      { kind: 'command', argv },
      {},
      '/tmp',
      undefined,
      argv.includes('sleep 100 & wait') ? soonMs : undefined,
    );
    if (what === null) await sending;
    else
      await expect(sending).rejects.toMatchObject({
        code: 'channel',
        message: expect.stringMatching(what),
      });
  });
});

describe('a program of an inventory that is not trusted', () => {
  it.each(['none', 'no-exec', 'no'])('is not run: FLEET_SECRETS=%s', async (mode) => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-command-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    vi.stubEnv('FLEET_SECRETS', mode);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(
      send({ kind: 'command', argv: ['touch', 'ran'] }, {}, folder),
    ).rejects.toMatchObject({
      code: 'secret',
      message: expect.stringContaining('it was not run'),
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a mail server', () => {
  const mail = (port: number, more: object = {}): ChannelSpec => ({
    ...{
      kind: 'mail',
      server: `smtp://127.0.0.1:${port}`,
      user: null,
      password: null,
      from: 'fleet@example.com',
      to: ['ops@example.com', 'b@example.com'],
    },
    ...more,
  });

  async function smtp(
    options: ConstructorParameters<typeof SMTPServer>[0],
  ): Promise<{ readonly port: number; readonly mails: string[] }> {
    const mails: string[] = [];
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS', 'AUTH'],
      onData: (stream, _, done) => {
        let text = '';
        stream.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8');
        });
        stream.on('end', () => {
          mails.push(text);
          done();
        });
      },
      ...options,
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const address = server.server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0, mails };
  }

  it('takes one mail for all recipients', async () => {
    const { port, mails } = await smtp({});
    await send(mail(port));
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatch(/^Subject: test: 1 critical\r$/m);
    expect(mails[0]).toMatch(/^To: ops@example.com, b@example.com\r$/m);
    expect(mails[0]).toContain('CRITICAL h1 does not answer');
    expect(mails[0]).toMatch(/^Message-ID: <11111111-2222@fleet>\r$/m);
  });

  it('gets no line, header or recipient by what a name or a worker says', async () => {
    const { port, mails } = await smtp({});
    const said =
      'anna\r\n.\r\nMAIL FROM:<evil@example.com>\r\nRCPT ' +
      'TO:<evil@example.com>\r\nDATA\r\nBcc: evil@example.com';
    const title = 'test\r\nBcc: evil@example.com\r\n\r\nanother text';
    await openChannel('team', mail(port), world()).send({ ...message(), text: said, title });
    expect(mails).toHaveLength(1);
    const head = mails[0]?.slice(0, mails[0].indexOf('\r\n\r\n')) ?? '';
    expect(head).toMatch(/^Subject: /m);
    expect(head).not.toMatch(/^(?:Bcc|RCPT|MAIL)/im);
    expect(mails[0]).toContain('RCPT TO:');
  });

  it('that answers a line without end is left soon, in bounded memory', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      const chunk = Buffer.alloc(65_536, 'x');
      const more = (): void => {
        while (!socket.destroyed && socket.write(chunk));
        if (!socket.destroyed) socket.once('drain', more);
      };
      more();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const before = process.memoryUsage().rss;
    await expect(send(mail(port))).rejects.toMatchObject({ code: 'channel' });
    const grown = (process.memoryUsage().rss - before) / 1_048_576;
    console.log(`a mail server's line without end: ${grown.toFixed(0)} MiB more`);
    expect(grown).toBeLessThan(100);
  });

  it('gets no password without TLS', async () => {
    const { port } = await smtp({ authOptional: true, disabledCommands: ['STARTTLS'] });
    const error = await send(mail(port, { user: 'me', password: secret('PW') }), {
      PW: 'hunter22hunter',
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'channel', hint: expect.stringMatching(/TLS/) });
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter22');
  });

  it('that refuses a recipient says so in its own words', async () => {
    const { port } = await smtp({
      onRcptTo: (_, __, done) =>
        done(Object.assign(new Error('no such user here'), { responseCode: 550 })),
    });
    await expect(send(mail(port))).rejects.toMatchObject({
      message: expect.stringMatching(/did not take the mail \(EENVELOPE\): 550 no such user here/),
    });
  });

  it('that refuses one recipient of two has taken it, and the refusal is known', async () => {
    const { port, mails } = await smtp({
      onRcptTo: ({ address }, _, done) =>
        done(
          address.startsWith('b')
            ? Object.assign(new Error('5.1.1 no such user here'), { responseCode: 550 })
            : null,
        ),
    });
    expect(await send(mail(port))).toMatchObject({
      message:
        'alerts: channel team: mail server 127.0.0.1 took the mail, but not for ' +
        'b@example.com: 550 5.1.1 no such user here',
      hint: expect.stringMatching(/to: of the channel/),
    });
    expect(mails).toHaveLength(1);
  });

  it('that asks for patience is said to, not that an address is wrong', async () => {
    const { port } = await smtp({
      onRcptTo: (_, __, done) =>
        done(Object.assign(new Error('4.7.1 greylisted'), { responseCode: 451 })),
    });
    await expect(send(mail(port))).rejects.toMatchObject({
      message: expect.stringContaining('451 4.7.1 greylisted'),
      hint: expect.stringMatching(/tried again later/),
    });
  });

  it('that greets for ever is left', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      const timer = setInterval(() => socket.write('220-still greeting\r\n'), 50);
      socket.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(send(mail(port), {}, undefined, undefined, soonMs)).rejects.toMatchObject({
      code: 'channel',
      message: expect.stringMatching(/did not come to an end|did not take the mail/),
    });
  });
});

describe('an Alertmanager', () => {
  it('is told by its API', async () => {
    const { url, heard } = await listening();
    await send(
      { kind: 'alertmanager', url: `${url}/prefix/`, authorization: secret('AUTH') },
      { AUTH: 'Bearer x' },
    );
    expect(heard[0]).toMatchObject({
      path: '/prefix/api/v2/alerts',
      headers: { authorization: 'Bearer x' },
    });
    expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject([
      { labels: { alertname: 'host-down', severity: 'critical', fleet: 'test' } },
    ]);
  });
});
