// On the Windows host: asks a machine, by its name or its GUID, about itself.
//   node host.ts MACHINE
import { json } from 'node:stream/consumers';
import { connectAsync, readVmId } from 'hvsock';
import { virtualMachineId } from 'hvsock/windows';

const [machine = 'web server'] = process.argv.slice(2);

const vmId = readVmId(machine) ?? (await virtualMachineId(machine));
const socket = await connectAsync(`hvsock://${vmId}/1024`, { timeout: 2000, retry: true });
console.log(await json(socket));
