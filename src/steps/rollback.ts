import { hostPaths } from '../../hostside/protocol/paths.ts';
import type { Step } from './step.ts';

/**
 * Makes the release before this one the current one, with its units, and asks its agent; when that
 * does not answer within 20 s the host
 * returns to where it was and the step fails. Code `host-step` where there is no release before.
 * Running accounts are not touched.
 */
export function rollbackStep(): Step {
  return {
    id: 'rollback',
    title: 'back to the release before',
    looksAt: {
      paths: [hostPaths.current, '/opt/fleet/previous'],
      units: ['fleet-agent.service', 'fleet-hold.service'],
    },
    declare: `AGENT_SOCKET=${hostPaths.agentSocket}`,
    check: 'want_rollback',
    apply: 'put_rollback',
  };
}
