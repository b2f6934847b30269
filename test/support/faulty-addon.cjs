// A stand-in for the addon, for what no kernel at hand can be made to say: the real addon, with AF_VSOCK sockets that are
// AF_UNIX ones, and with the results of chosen calls replaced. Loaded through HVSOCK_ADDON, by faults.ts.
const path = require('node:path');

const AF_UNIX = 1;
const AF_VSOCK = 40;

const built = process.platform === 'win32' ? 'prebuilds/win32-x64' : 'build/Release';
const real = require(path.resolve(__dirname, '../..', built, 'hvsock.node'));

/** The result of a call by its name: an errno, or 'never' for a connect that stays under way. */
const faults = {};
const connects = { started: 0, cancelled: 0 };

module.exports = {
  ...real,
  faults,
  connects,
  socket_open(family, type, protocol) {
    const isVsock = family === AF_VSOCK;
    return (
      faults[isVsock ? 'socket_open' : 'placeholder'] ?? real.socket_open(isVsock ? AF_UNIX : family, type, protocol)
    );
  },
  // An AF_VSOCK address is none for an AF_UNIX socket.
  socket_bind: () => faults.socket_bind ?? 0,
  socket_listen: (...values) => faults.socket_listen ?? real.socket_listen(...values),
  // AF_UNIX has none of AF_VSOCK's options.
  socket_set_option: () => faults.socket_set_option ?? 0,
  socket_exchange(fd, placeholder) {
    if (faults.socket_exchange === undefined) return real.socket_exchange(fd, placeholder);
    real.socket_close(placeholder);
    return faults.socket_exchange;
  },
  descriptor_ioctl: (...values) => faults.descriptor_ioctl ?? real.descriptor_ioctl(...values),
  connect_start(fd, _address, onEnd) {
    connects.started++;
    real.socket_close(fd);
    const operation = { over: false, timer: undefined };
    const end = () => {
      operation.over = true;
      onEnd(faults.connect_start);
    };
    // A timer also for never: an operation keeps the process alive.
    operation.timer = faults.connect_start === 'never' ? setTimeout(() => {}, 2 ** 30) : setTimeout(end, 0);
    return operation;
  },
  pump_start(first, second, ...values) {
    if (faults.pump_start === undefined) return real.pump_start(first, second, ...values);
    real.socket_close(first);
    real.socket_close(second);
    return faults.pump_start;
  },
  operation_cancel(operation) {
    clearTimeout(operation.timer);
    if (!operation.over) connects.cancelled++;
    operation.over = true;
  },
  operation_set_ref() {},
};
