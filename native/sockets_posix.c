// Sockets on POSIX systems, non-blocking, watched by libuv's poll handles.
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#if defined(__linux__)
#include <sys/epoll.h>
#endif
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

// Connections taken in one turn of the loop, so that a flood of them does not starve other work.
#define ACCEPT_BATCH 64

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 // macOS; Node ignores SIGPIPE
#endif

static int result_of(int result) { return result < 0 ? -errno : result; }

#if !defined(SOCK_CLOEXEC)
static int make_private(int fd) {
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
    return fd;
  int error = -errno;
  close(fd);
  return error;
}
#endif

int hv_socket_open(int family, int type, int protocol) {
#if defined(SOCK_CLOEXEC)
  return result_of(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
#else
  int fd = socket(family, type, protocol);
  return fd < 0 ? -errno : make_private(fd);
#endif
}

// Not repeated on EINTR: on Linux the descriptor is gone by then, and its number may be another's.
int hv_socket_close(int fd) { return result_of(close(fd)); }

int hv_socket_bind(int fd, const void *address, size_t length) {
  return result_of(bind(fd, address, (socklen_t)length));
}

int hv_socket_listen(int fd, int backlog) { return result_of(listen(fd, backlog)); }

int hv_socket_name(int fd, int peer, void *address, size_t capacity) {
  socklen_t length = (socklen_t)capacity;
  int result = peer ? getpeername(fd, address, &length) : getsockname(fd, address, &length);
  return result < 0 ? -errno : (int)length;
}

int hv_socket_set_option(int fd, int level, int name, const void *value, size_t length) {
  return result_of(setsockopt(fd, level, name, value, (socklen_t)length));
}

int hv_socket_get_option(int fd, int level, int name, void *value, size_t capacity) {
  socklen_t length = (socklen_t)capacity;
  return getsockopt(fd, level, name, value, &length) < 0 ? -errno : (int)length;
}

int hv_socket_shutdown(int fd, int how) { return result_of(shutdown(fd, how)); }

int hv_socket_pair(int pair[2]) {
#if defined(SOCK_CLOEXEC)
  return result_of(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
#else
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
    return -errno;
  // Each closes its own on failure.
  int error = make_private(pair[0]);
  if (error < 0) {
    close(pair[1]);
    return error;
  }
  error = make_private(pair[1]);
  if (error < 0)
    close(pair[0]);
  return error < 0 ? error : 0;
#endif
}

int hv_socket_adopt(int from, int into) {
  int result;
  do {
#if defined(__linux__)
    result = dup3(from, into, O_CLOEXEC);
#else
    result = dup2(from, into);
    if (result >= 0 && fcntl(into, F_SETFD, FD_CLOEXEC) < 0)
      result = -1;
#endif
  } while (result < 0 && (errno == EINTR || errno == EBUSY));
  int error = result < 0 ? -errno : 0;
  close(from);
  return error;
}

#if defined(__linux__)
// A registration with epoll is of the open socket and not of the descriptor: one that libuv made
// would outlive the exchange and tell of the wrong socket for ever. libuv goes on to believe in it,
// so the new socket gets the same.
static bool forget(uv_loop_t *loop, int fd) {
  return epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_DEL, fd, NULL) == 0;
}

static void remember(uv_loop_t *loop, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, fd, &event);
}
#else
// kqueue forgets with the descriptor, and libuv's changes add what is not there.
static bool forget(uv_loop_t *loop, int fd) { return loop == NULL && fd < 0; }

static void remember(uv_loop_t *loop, int fd) {
  (void)loop;
  (void)fd;
}
#endif

int hv_socket_exchange(uv_loop_t *loop, int fd, int placeholder) {
  int taken = result_of(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (taken < 0) {
    close(placeholder);
    return taken;
  }
  bool watched = forget(loop, fd);
  int error = hv_socket_adopt(placeholder, fd);
  if (watched)
    remember(loop, fd);
  if (error == 0)
    return taken;
  close(taken);
  return error;
}

int hv_descriptor_ioctl(int fd, unsigned long request, uint32_t *value) {
  return result_of(ioctl(fd, request, value));
}

static int set_flags(int fd, int cleared, int set) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return -errno;
  int wanted = (flags & ~cleared) | set;
  return wanted == flags ? 0 : result_of(fcntl(fd, F_SETFL, wanted));
}

int hv_socket_make_nonblocking(int fd) { return set_flags(fd, 0, O_NONBLOCK); }

int hv_socket_make_blocking(int fd) { return set_flags(fd, O_NONBLOCK, 0); }

// Whether to try again. Another process that shares the socket may have made it non-blocking since.
static bool should_repeat(int fd, short events) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    struct pollfd entry = {.fd = fd, .events = events};
    return poll(&entry, 1, -1) >= 0 || errno == EINTR;
  }
  return errno == EINTR;
}

static size_t at_most_int(size_t length) { return length > INT_MAX ? INT_MAX : length; }

int hv_socket_receive(int fd, void *buffer, size_t length) {
  ssize_t result;
  do
    result = recv(fd, buffer, at_most_int(length), 0);
  while (result < 0 && should_repeat(fd, POLLIN));
  return result_of((int)result);
}

int hv_socket_send(int fd, const void *buffer, size_t length) {
  ssize_t result;
  do
    result = send(fd, buffer, at_most_int(length), MSG_NOSIGNAL);
  while (result < 0 && should_repeat(fd, POLLOUT));
  return result_of((int)result);
}

void hv_socket_interrupt(int fd, int how) { shutdown(fd, how); }

static int watch_start(uv_loop_t *loop, hv_watch *watch, int fd, int events, uv_poll_cb callback) {
  int error = uv_poll_init(loop, &watch->handle, fd);
  if (error == 0) {
    watch->fd = fd;
    error = uv_poll_start(&watch->handle, events, callback);
    if (error == 0)
      return 0;
    // uv_poll_start fails only for a closing handle, which this one is not.
  }
  close(fd);
  return error;
}

// Writable tells only that an attempt is over; SO_ERROR tells how.
static int connect_outcome(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : -error;
}

static void connect_on_event(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  hv_watch *watch = (hv_watch *)poll;
  // Out of epoll before anything else: a registration outlives close() as long as a duplicate
  // lives.
  uv_poll_stop(poll);
  watch->on_result(watch, connect_outcome(watch->fd));
}

// A peer on this machine has often answered by now; then there is nothing to watch, which costs
// seven system calls.
static int is_decided(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLOUT};
  return poll(&entry, 1, 0) > 0;
}

int hv_connect_start(uv_loop_t *loop, hv_watch *watch, int fd, const void *address, size_t length) {
  int result = result_of(connect(fd, address, (socklen_t)length));
  if (result == 0)
    return 0;
  // An interrupted connect goes on by itself (POSIX), like one in progress.
  if (result == -EINPROGRESS || result == -EINTR) {
    if (!is_decided(fd)) {
      result = watch_start(loop, watch, fd, UV_WRITABLE, connect_on_event);
      return result == 0 ? 1 : result;
    }
    result = connect_outcome(fd);
    if (result == 0)
      return 0;
  }
  close(fd);
  return result;
}

static int accept_one(int listener) {
  int fd;
  do {
#if defined(SOCK_CLOEXEC)
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
    fd = accept(listener, NULL, NULL);
    if (fd >= 0)
      return make_private(fd);
#endif
  } while (fd < 0 && errno == EINTR);
  return result_of(fd);
}

static void listener_on_event(uv_poll_t *poll, int status, int events) {
  (void)events;
  hv_watch *watch = (hv_watch *)poll;
  if (status < 0)
    uv_poll_stop(poll);
  for (int i = 0; i < ACCEPT_BATCH && watch->fd >= 0; i++) {
    int result = accept_one(watch->fd);
    if (result == -EAGAIN || result == -EWOULDBLOCK)
      break;
    // The client went away while it waited: nothing to hand over, nothing wrong here.
    if (result == -ECONNABORTED)
      continue;
    if (result < 0)
      uv_poll_stop(poll);
    watch->on_result(watch, result);
    if (result < 0)
      return;
  }
  if (status < 0 && watch->fd >= 0)
    watch->on_result(watch, status);
}

int hv_listener_start(uv_loop_t *loop, hv_watch *watch, int fd) {
  return watch_start(loop, watch, fd, UV_READABLE, listener_on_event);
}

int hv_listener_resume(hv_watch *watch) {
  return uv_poll_start(&watch->handle, UV_READABLE, listener_on_event);
}

int hv_watch_take(hv_watch *watch) {
  int fd = watch->fd;
  // An inactive one is out of epoll already.
  if (uv_is_active((uv_handle_t *)&watch->handle))
    uv_poll_stop(&watch->handle);
  watch->fd = -1;
  return fd;
}

static void watch_on_close(uv_handle_t *handle) {
  hv_watch *watch = (hv_watch *)handle;
  watch->on_closed(watch);
}

void hv_watch_close(hv_watch *watch) {
  int fd = hv_watch_take(watch);
  if (fd >= 0)
    close(fd);
  uv_close((uv_handle_t *)&watch->handle, watch_on_close);
}
