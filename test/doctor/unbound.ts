// usage: node unbound.js; as root in a guest with a virtio vsock device
// What the doctor finds of the guest's driver while its device is taken from it, and when it has it again.
import { readdirSync, writeFileSync } from 'node:fs';
import { diagnose } from '#src/doctor/diagnose.js';

const DRIVER = '/sys/bus/virtio/drivers/vmw_vsock_virtio_transport';

async function guestFinding(): Promise<string | undefined> {
  return (await diagnose()).map(({ id }) => id).find((id) => id.startsWith('guest.'));
}

const device = readdirSync(DRIVER).find((name) => name.startsWith('virtio'));
writeFileSync(`${DRIVER}/unbind`, `${device}`);
const taken = await guestFinding();
writeFileSync(`${DRIVER}/bind`, `${device}`);
console.log(taken, await guestFinding());
