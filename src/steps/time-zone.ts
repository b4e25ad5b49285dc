import { quoteShell } from '../remote/shared/shell-command.ts';
import { declareFiles, type Step } from './step.ts';

/** Points /etc/localtime to `zone` (IANA name) and names it in /etc/timezone. */
export function timeZoneStep(zone: string): Step {
  const source = `/usr/share/zoneinfo/${zone}`;
  return {
    id: 'time-zone',
    title: `time zone ${zone}`,
    after: ['packages'],
    looksAt: { paths: ['/etc/localtime', '/etc/timezone'] },
    declare: declareFiles([{ path: '/etc/timezone', text: `${zone}\n`, mode: '644', owner: 'root:root' }]),
    check: `want_link /etc/localtime ${quoteShell(source)}; want_file /etc/timezone`,
    apply: `
  [[ -f ${quoteShell(source)} ]] || { fail host-step ${quoteShell(`the host does not know the time zone ${zone}`)} 'correct time_zone in the inventory: names of before, such as US/Eastern, are in the package tzdata-legacy on Debian 13 and Ubuntu 24.04'; return; }
  put_link /etc/localtime ${quoteShell(source)}; put_file /etc/timezone`,
  };
}
