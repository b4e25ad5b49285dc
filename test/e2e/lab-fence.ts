/**
 * The power switch of a lab's hosts, as a provider's command line would be: `node lab-fence.ts LAB
 * off|is-off HOST`.
 */
import { connectLab } from '../lab/lab.ts';

const [labName = '', act = '', host = ''] = process.argv.slice(2);
const lab = await connectLab(labName);
const index = Number(host.slice(1));
if (act === 'off') await lab.kill(index);
else process.exitCode = (await lab.isOn(index)) ? 1 : 0;
