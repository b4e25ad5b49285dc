import type { Language, Measure, NewsName } from '../model/alert-policy.ts';

/**
 * One sentence and the command that helps. `{subject}`, `{host}`, `{value}` (with its unit) and
 * `{limit}` are replaced.
 */
export interface Wording {
  readonly text: string;
  readonly remedy: string;
}

const english: Readonly<Record<Measure, Wording>> = {
  'fleet-silent': {
    text:
      '{value} of the hosts do not answer: look at the network of the machine that runs ' +
      'fleet first',
    remedy: 'fleet status --live',
  },
  'host-down': {
    text: '{subject} does not answer; its accounts may go on running',
    remedy: 'fleet failover {subject} --dry-run',
  },
  'host-held': { text: '{subject} holds its accounts since it booted', remedy: 'fleet sweep' },
  'host-cpu': {
    text: 'the processors of {subject} are {value} busy (limit {limit})',
    remedy: 'fleet rebalance --dry-run',
  },
  'host-memory': {
    text: 'the memory of {subject} is {value} full (limit {limit})',
    remedy: 'fleet rebalance --dry-run',
  },
  'host-disk': {
    text: 'the disk of {subject} is {value} full (limit {limit})',
    remedy: "fleet exec {subject} --root -- 'du -xm / | sort -n | tail'",
  },
  'host-clock': {
    text: 'the clock of {subject} is off by {value}',
    remedy:
      'fleet exec {subject} --root -- "timedatectl set-ntp true || apt-get -y install ' +
      'systemd-timesyncd"',
  },
  'account-offline': { text: '{subject} on {host} is not online', remedy: 'fleet logs {subject}' },
  'account-ended': {
    text: '{subject} on {host} does not come back by itself',
    remedy: 'fleet status',
  },
  'account-unplaced': { text: '{subject} is on no host', remedy: 'fleet allocate --dry-run' },
  'account-frozen': {
    text: 'Telegram has frozen {subject}: its owner has to appeal in an official app',
    remedy: 'fleet why-silent {subject}',
  },
  'account-left-groups': {
    text: '{subject} is not in {value} of its groups',
    remedy: 'fleet why-silent {subject}',
  },
  'account-closed-groups': {
    text: '{subject} may not write in {value} of its groups',
    remedy: 'fleet why-silent {subject}',
  },
  'account-memory': {
    text: '{subject} on {host} uses {value} of its memory limit (alert above {limit})',
    remedy: 'fleet logs {subject}',
  },
  'account-memory-mb': {
    text: '{subject} on {host} uses {value} (limit {limit})',
    remedy: 'fleet logs {subject}',
  },
  'account-restarts': {
    text: '{subject} on {host} was restarted {value}',
    remedy: 'fleet logs {subject}',
  },
  'account-reply-time': {
    text:
      '{subject} on {host} needs {value} for a reply (19 of 20 are faster; without the ' +
      'model and delays)',
    remedy: 'fleet why-silent {subject}',
  },
  'account-flood-waits': {
    text: 'Telegram asked {subject} to pause: {value}; lower its answer limits',
    remedy: 'fleet why-silent {subject}',
  },
  'account-model-failures': {
    text: 'the model does not answer {value} of the questions of {subject}',
    remedy: 'fleet logs {subject} --level warn',
  },
  'account-model-unusable': {
    text:
      'the server of the model refuses what {subject} asks: its key, the name of the model, ' +
      'or the request',
    remedy: 'fleet logs {subject} --level warn',
  },
};

const chinese: Readonly<Record<Measure, Wording>> = {
  'fleet-silent': {
    text: '{value} 的主机没有响应：请先检查运行 fleet 的这台机器的网络',
    remedy: english['fleet-silent'].remedy,
  },
  'host-down': {
    text: '主机 {subject} 没有响应；它上面的账号可能仍在运行',
    remedy: english['host-down'].remedy,
  },
  'host-held': { text: '主机 {subject} 重启后尚未启动其账号', remedy: english['host-held'].remedy },
  'host-cpu': {
    text: '主机 {subject} 的 CPU 使用率为 {value}（阈值 {limit}）',
    remedy: english['host-cpu'].remedy,
  },
  'host-memory': {
    text: '主机 {subject} 的内存使用率为 {value}（阈值 {limit}）',
    remedy: english['host-memory'].remedy,
  },
  'host-disk': {
    text: '主机 {subject} 的磁盘使用率为 {value}（阈值 {limit}）',
    remedy: english['host-disk'].remedy,
  },
  'host-clock': {
    text: '主机 {subject} 的时钟偏差为 {value}',
    remedy: english['host-clock'].remedy,
  },
  'account-offline': {
    text: '账号 {subject}（主机 {host}）不在线',
    remedy: english['account-offline'].remedy,
  },
  'account-ended': {
    text: '账号 {subject}（主机 {host}）不会自行恢复',
    remedy: english['account-ended'].remedy,
  },
  'account-unplaced': {
    text: '账号 {subject} 没有分配到任何主机',
    remedy: english['account-unplaced'].remedy,
  },
  'account-frozen': {
    text: 'Telegram 已冻结账号 {subject}：须由其所有者在官方客户端申诉',
    remedy: english['account-frozen'].remedy,
  },
  'account-left-groups': {
    text: '账号 {subject} 不在其 {value} 个群组中',
    remedy: english['account-left-groups'].remedy,
  },
  'account-closed-groups': {
    text: '账号 {subject} 在 {value} 个群组中没有发言权限',
    remedy: english['account-closed-groups'].remedy,
  },
  'account-memory': {
    text: '账号 {subject}（主机 {host}）已使用其内存上限的 {value}（阈值 {limit}）',
    remedy: english['account-memory'].remedy,
  },
  'account-memory-mb': {
    text: '账号 {subject}（主机 {host}）使用内存 {value}（阈值 {limit}）',
    remedy: english['account-memory-mb'].remedy,
  },
  'account-restarts': {
    text: '账号 {subject}（主机 {host}）重启次数：{value}',
    remedy: english['account-restarts'].remedy,
  },
  'account-reply-time': {
    text: '账号 {subject}（主机 {host}）的回复耗时为 {value}（P95，不含模型耗时和设定的延迟）',
    remedy: english['account-reply-time'].remedy,
  },
  'account-flood-waits': {
    text: 'Telegram 要求账号 {subject} 暂停：{value}；请调低它的回复上限',
    remedy: english['account-flood-waits'].remedy,
  },
  'account-model-failures': {
    text: '账号 {subject} 的提问中有 {value} 未得到模型回答',
    remedy: english['account-model-failures'].remedy,
  },
  'account-model-unusable': {
    text: '模型服务拒绝账号 {subject} 的请求：请检查密钥、模型名称或请求内容',
    remedy: english['account-model-unusable'].remedy,
  },
};

export const wordings: Readonly<Record<Language, Readonly<Record<Measure, Wording>>>> = {
  en: english,
  zh: chinese,
};

export const newsWordings: Readonly<Record<Language, Readonly<Record<NewsName, Wording>>>> = {
  en: {
    'allocation-failed': {
      text: '{account} could not be placed: {text}',
      remedy: 'fleet allocate --dry-run',
    },
    rebalanced: { text: 'rebalanced: {text}', remedy: 'fleet history' },
    'failed-over': { text: 'failed over: {text}', remedy: 'fleet status' },
    'ran-twice': {
      text: '{account} was running on {host} although it belongs elsewhere; it was stopped',
      remedy: 'fleet status',
    },
    'destroyed-host-answers': {
      text: '{host} was declared destroyed and answers: {text}',
      remedy: 'fleet doctor',
    },
    'clock-stepped': {
      text: 'the clock of the machine that runs fleet has jumped: {text}',
      remedy: 'timedatectl status',
    },
  },
  zh: {
    'allocation-failed': {
      text: '账号 {account} 无法分配：{text}',
      remedy: 'fleet allocate --dry-run',
    },
    rebalanced: { text: '已重新平衡：{text}', remedy: 'fleet history' },
    'failed-over': { text: '已完成故障转移：{text}', remedy: 'fleet status' },
    'ran-twice': {
      text: '账号 {account} 曾在主机 {host} 上运行，但它不属于该主机；已在那里停止',
      remedy: 'fleet status',
    },
    'destroyed-host-answers': {
      text: '主机 {host} 已被声明为销毁，现在却有响应：{text}',
      remedy: 'fleet doctor',
    },
    'clock-stepped': {
      text: '运行 fleet 的这台机器的时钟发生跳变：{text}',
      remedy: 'timedatectl status',
    },
  },
};

/** Words around the items of a message. */
export const phrases = {
  en: {
    title: '{fleet}: {count}',
    criticals: ['{n} critical', '{n} critical'],
    warnings: ['{n} warning', '{n} warnings'],
    infos: ['{n} notice', '{n} notices'],
    overs: ['{n} resolved', '{n} resolved'],
    critical: 'CRITICAL',
    warning: 'WARNING',
    info: 'NOTICE',
    over: 'RESOLVED',
    reason: ': {reason}',
    again: ' (still, for {age})',
    worse: ' (it was a warning)',
    firing: '',
    news: '',
    ended: ' (it lasted {age})',
    run: 'run: ',
    more: '... more: fleet alerts list',
    units: ['d', 'h', 'm', 's'],
    unitGap: '',
    test: 'this is a test message: nothing is wrong',
    yes: 'yes',
    perHour: '{n} times within an hour',
    separator: ', ',
  },
  zh: {
    title: '{fleet}：{count}',
    criticals: ['{n} 项严重', '{n} 项严重'],
    warnings: ['{n} 项警告', '{n} 项警告'],
    infos: ['{n} 项通知', '{n} 项通知'],
    overs: ['{n} 项已恢复', '{n} 项已恢复'],
    critical: '【严重】',
    warning: '【警告】',
    info: '【通知】',
    over: '【已恢复】',
    reason: '（{reason}）',
    again: '（已持续 {age}，仍未恢复）',
    worse: '（由警告升级为严重）',
    firing: '',
    news: '',
    ended: '（持续 {age}）',
    run: '请执行：',
    more: '…… 更多内容请执行：fleet alerts list',
    units: ['天', '小时', '分钟', '秒'],
    unitGap: ' ',
    test: '这是一条测试消息：一切正常',
    yes: '是',
    perHour: '一小时内 {n} 次',
    separator: '、',
  },
} as const satisfies Readonly<
  Record<Language, Readonly<Record<string, string | readonly string[]>>>
>;
