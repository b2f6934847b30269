// Imported first by every test of AF_VSOCK: fails at once where there is no vsock loopback. A connect to CID 1 would go out
// to the host of this machine there, who may be anybody (K: af_vsock.c, vsock_assign_transport). Binding asks nobody.
import { VMADDR_CID_LOCAL, VMADDR_PORT_ANY, VsockAddress } from 'hvsock';
import { loadBinding } from '#src/native/load.js';

const AF_VSOCK = 40;
const SOCK_STREAM = 1;

const binding = loadBinding();
const fd = binding.socket_open(AF_VSOCK, SOCK_STREAM, 0);
const address = new VsockAddress({ cid: VMADDR_CID_LOCAL, port: VMADDR_PORT_ANY });
const result = fd < 0 ? fd : binding.socket_bind(fd, address.toSockaddr());
if (fd >= 0) binding.socket_close(fd);
if (result < 0)
  throw new Error('no vsock loopback here; run this in a kernel of the lab: npm run vm -- uml node --test …');
