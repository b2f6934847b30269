// The numbers of Windows' errors. Nothing here knows what they mean: that is errors.ts' to say.

/**
 * What Windows says, by POSIX's names: errors of Winsock, and those of Win32 that overlapped calls end with (winerror.h).
 * Node knows none of these numbers, only libuv's translations, which lose some.
 */
export const windowsErrors: ReadonlyMap<number, string> = new Map([
  [5, 'EACCES'],
  [64, 'ECONNRESET'],
  [109, 'EPIPE'],
  [121, 'ETIMEDOUT'],
  [995, 'ECANCELED'],
  [1201, 'ENODEV'], // ERROR_CONNECTION_UNAVAIL
  [1225, 'ECONNREFUSED'],
  [1231, 'ENETUNREACH'],
  [1232, 'EHOSTUNREACH'],
  [1236, 'ECONNABORTED'],
  [1450, 'ENOMEM'],
  [10_004, 'EINTR'],
  [10_009, 'EBADF'],
  [10_013, 'EACCES'],
  [10_014, 'EFAULT'],
  [10_022, 'EINVAL'],
  [10_024, 'EMFILE'],
  [10_035, 'EAGAIN'],
  [10_037, 'EALREADY'],
  [10_038, 'ENOTSOCK'],
  [10_040, 'EMSGSIZE'],
  [10_041, 'EPROTOTYPE'],
  [10_042, 'ENOPROTOOPT'],
  [10_043, 'EPROTONOSUPPORT'],
  [10_044, 'ESOCKTNOSUPPORT'],
  [10_045, 'EOPNOTSUPP'],
  [10_046, 'EAFNOSUPPORT'],
  [10_047, 'EAFNOSUPPORT'],
  [10_048, 'EADDRINUSE'],
  [10_049, 'EADDRNOTAVAIL'],
  [10_050, 'ENETDOWN'],
  [10_051, 'ENETUNREACH'],
  [10_052, 'ECONNRESET'],
  [10_053, 'ECONNABORTED'],
  [10_054, 'ECONNRESET'],
  [10_055, 'ENOBUFS'],
  [10_056, 'EISCONN'],
  [10_057, 'ENOTCONN'],
  [10_058, 'EPIPE'], // WSAESHUTDOWN
  [10_060, 'ETIMEDOUT'],
  [10_061, 'ECONNREFUSED'],
  [10_064, 'EHOSTUNREACH'],
  [10_065, 'EHOSTUNREACH'],
]);
