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
    declare: declareFiles([
      { path: '/etc/timezone', text: `${zone}\n`, mode: '644', owner: 'root:root' },
    ]),
    check: `want_link /etc/localtime ${quoteShell(source)}; want_file /etc/timezone`,
    apply: `
  if [[ ! -f ${quoteShell(source)} ]]; then
    # Names of before are in a package of their own on Debian 13 and Ubuntu 24.04; what took their place is known everywhere.
    local now hint='correct time_zone in the inventory: names of before, such as US/Eastern, are in the package tzdata-legacy'
    now=$(awk -v zone=${quoteShell(zone)} '$1 == "L" && $3 == zone { print $2; exit }' /usr/share/zoneinfo/tzdata.zi 2>/dev/null) || now=
    [[ ! $now ]] || hint="write its name of today in the inventory: time_zone: $now (or install the package tzdata-legacy there)"
    fail host-step ${quoteShell(`the host does not know the time zone ${zone}`)} "$hint"
    return
  fi
  put_link /etc/localtime ${quoteShell(source)}; put_file /etc/timezone`,
  };
}
