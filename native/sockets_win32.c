// Sockets on Windows, overlapped, watched by a waiting thread of the system's that wakes the event
// loop. Not by a completion port: a socket has one for good, and libuv's must be it (uv_tcp_open).
#include "sockets.h"

#include <limits.h>
#include <mswsock.h>
#include <windows.h>
#include <ws2tcpip.h>

// Room that AcceptEx wants for each of two names: the longest address, and 16 bytes of its own.
#define NAME_ROOM (sizeof(struct sockaddr_storage) + 16)
// Strangers that may get at the port of a pair before our own end does.
#define PAIR_TRIES 64

static SOCKET socket_of(int fd) { return (SOCKET)(intptr_t)fd; }

static int last_error(void) { return -WSAGetLastError(); }

static int result_of(int result) { return result == SOCKET_ERROR ? last_error() : result; }

int hv_socket_open(int family, int type, int protocol) {
  SOCKET opened =
      WSASocketW(family, type, protocol, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  return opened == INVALID_SOCKET ? last_error() : (int)(intptr_t)opened;
}

int hv_socket_close(int fd) { return result_of(closesocket(socket_of(fd))); }

int hv_socket_bind(int fd, const void *address, size_t length) {
  return result_of(bind(socket_of(fd), address, (int)length));
}

int hv_socket_listen(int fd, int backlog) { return result_of(listen(socket_of(fd), backlog)); }

int hv_socket_name(int fd, int peer, void *address, size_t capacity) {
  int length = (int)capacity;
  int result = peer ? getpeername(socket_of(fd), address, &length)
                    : getsockname(socket_of(fd), address, &length);
  return result == SOCKET_ERROR ? last_error() : length;
}

int hv_socket_set_option(int fd, int level, int name, const void *value, size_t length) {
  return result_of(setsockopt(socket_of(fd), level, name, value, (int)length));
}

int hv_socket_get_option(int fd, int level, int name, void *value, size_t capacity) {
  int length = (int)capacity;
  int result = getsockopt(socket_of(fd), level, name, value, &length);
  return result == SOCKET_ERROR ? last_error() : length;
}

int hv_socket_shutdown(int fd, int how) { return result_of(shutdown(socket_of(fd), how)); }

int hv_socket_adopt(int from, int into) {
  (void)into;
  closesocket(socket_of(from));
  return -WSAEOPNOTSUPP;
}

int hv_socket_exchange(uv_loop_t *loop, int fd, int placeholder) {
  (void)loop;
  (void)fd;
  closesocket(socket_of(placeholder));
  return -WSAEOPNOTSUPP;
}

int hv_descriptor_ioctl(int fd, unsigned long request, uint32_t *value) {
  (void)fd;
  (void)request;
  (void)value;
  return -WSAEOPNOTSUPP;
}

// --- for threads that wait ---

int hv_socket_make_nonblocking(int fd) {
  u_long yes = 1;
  return result_of(ioctlsocket(socket_of(fd), FIONBIO, &yes));
}

int hv_socket_make_blocking(int fd) {
  u_long no = 0;
  return result_of(ioctlsocket(socket_of(fd), FIONBIO, &no));
}

static int at_most_int(size_t length) { return length > INT_MAX ? INT_MAX : (int)length; }

int hv_socket_receive(int fd, void *buffer, size_t length) {
  int result = recv(socket_of(fd), buffer, at_most_int(length), 0);
  // How AF_HYPERV may tell that the peer has gone.
  if (result == SOCKET_ERROR && WSAGetLastError() == ERROR_BROKEN_PIPE)
    return 0;
  return result_of(result);
}

int hv_socket_send(int fd, const void *buffer, size_t length) {
  return result_of(send(socket_of(fd), buffer, at_most_int(length), 0));
}

void hv_socket_interrupt(int fd, int how) {
  // Against calls to come; those that wait already need not notice it.
  shutdown(socket_of(fd), how);
  CancelIoEx((HANDLE)socket_of(fd), NULL);
}

// --- a pair: two ends of one TCP connection over the loopback ---

static int name_of(int fd, int peer, struct sockaddr_in *name) {
  return hv_socket_name(fd, peer, name, sizeof *name);
}

// Accepts the connection of `client`, and no other's.
static int accept_from(int listener, int client) {
  struct sockaddr_in wanted, peer;
  int error = name_of(client, 0, &wanted);
  for (int i = 0; i < PAIR_TRIES && error >= 0; i++) {
    SOCKET accepted = accept(socket_of(listener), NULL, NULL);
    if (accepted == INVALID_SOCKET)
      return last_error();
    error = name_of((int)(intptr_t)accepted, 1, &peer);
    if (error >= 0 && peer.sin_port == wanted.sin_port &&
        peer.sin_addr.s_addr == wanted.sin_addr.s_addr)
      return (int)(intptr_t)accepted;
    closesocket(accepted);
  }
  return error < 0 ? error : -WSAECONNREFUSED;
}

static int connect_pair(int listener, int client) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BOOL yes = TRUE;
  int error =
      hv_socket_set_option(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, &yes, (int)sizeof yes);
  if (error >= 0)
    error = hv_socket_bind(listener, &name, sizeof name);
  if (error >= 0)
    error = hv_socket_listen(listener, 1);
  if (error >= 0)
    error = name_of(listener, 0, &name);
  if (error >= 0)
    error = result_of(connect(socket_of(client), (struct sockaddr *)&name, sizeof name));
  return error < 0 ? error : accept_from(listener, client);
}

int hv_socket_pair(int pair[2]) {
  int listener = hv_socket_open(AF_INET, SOCK_STREAM, 0);
  if (listener < 0)
    return listener;
  int client = hv_socket_open(AF_INET, SOCK_STREAM, 0);
  int server = client < 0 ? client : connect_pair(listener, client);
  hv_socket_close(listener);
  if (server < 0) {
    if (client >= 0)
      hv_socket_close(client);
    return server;
  }
  pair[0] = client;
  pair[1] = server;
  for (int i = 0; i < 2; i++) {
    BOOL yes = TRUE;
    hv_socket_set_option(pair[i], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  return 0;
}

// --- watches ---

// In the system's waiting thread.
static void CALLBACK watch_on_signal(void *data, BOOLEAN timed_out) {
  (void)timed_out;
  hv_watch *watch = data;
  InterlockedExchange(&watch->signalled, 1);
  uv_async_send(&watch->handle);
}

// Waits for a callback of the waiting thread that runs right now; none follows.
static void watch_release(hv_watch *watch) {
  if (watch->wait)
    UnregisterWaitEx(watch->wait, INVALID_HANDLE_VALUE);
  if (watch->overlapped.hEvent)
    CloseHandle(watch->overlapped.hEvent);
}

static void watch_on_close(uv_handle_t *handle) {
  hv_watch *watch = (hv_watch *)handle;
  watch->on_closed(watch);
}

static void watch_finish(hv_watch *watch) {
  if (watch->incoming >= 0)
    hv_socket_close(watch->incoming);
  watch_release(watch);
  uv_close((uv_handle_t *)&watch->handle, watch_on_close);
}

// The outcome of the overlapped call that is over.
static int watch_outcome(hv_watch *watch) {
  DWORD count, flags;
  int failure = watch->failure;
  watch->failure = 0;
  if (failure)
    return failure;
  return WSAGetOverlappedResult(socket_of(watch->fd), &watch->overlapped, &count, FALSE, &flags)
             ? 0
             : last_error();
}

// Tells the loop of a call that failed at once, as if it had failed later.
static void watch_fail(hv_watch *watch, int error) {
  watch->failure = error;
  watch->pending = false;
  uv_async_send(&watch->handle);
}

static void connect_on_end(hv_watch *watch) {
  int error = watch_outcome(watch);
  // Without it shutdown and getpeername fail (ConnectEx, Remarks).
  if (error == 0)
    error = hv_socket_set_option(watch->fd, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0);
  watch->on_result(watch, error);
}

static int extension(int fd, GUID id, void *function, DWORD size) {
  DWORD length;
  return result_of(WSAIoctl(socket_of(fd), SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id,
                            function, size, &length, NULL, NULL));
}

static void accept_next(hv_watch *watch) {
  GUID id = WSAID_ACCEPTEX;
  LPFN_ACCEPTEX accept_ex;
  WSAPROTOCOL_INFOW info;
  DWORD received;
  int error = extension(watch->fd, id, &accept_ex, sizeof accept_ex);
  if (error >= 0)
    error = hv_socket_get_option(watch->fd, SOL_SOCKET, SO_PROTOCOL_INFOW, &info, sizeof info);
  if (error >= 0)
    error = hv_socket_open(info.iAddressFamily, info.iSocketType, info.iProtocol);
  if (error < 0) {
    watch_fail(watch, error);
    return;
  }
  watch->incoming = error;
  watch->pending = true;
  if (!accept_ex(socket_of(watch->fd), socket_of(watch->incoming), watch->names, 0, NAME_ROOM,
                 NAME_ROOM, &received, &watch->overlapped) &&
      WSAGetLastError() != ERROR_IO_PENDING)
    watch_fail(watch, last_error());
}

static bool is_of_client(int error) {
  return error == -WSAECONNRESET || error == -WSAECONNABORTED || error == -ERROR_NETNAME_DELETED;
}

static void listener_on_end(hv_watch *watch) {
  SOCKET listener = socket_of(watch->fd);
  int error = watch_outcome(watch);
  int accepted = watch->incoming;
  watch->incoming = -1;
  if (error == 0)
    error = hv_socket_set_option(accepted, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, &listener,
                                 sizeof listener);
  if (error < 0 && accepted >= 0)
    hv_socket_close(accepted);
  // The client went away while it waited: nothing to hand over, nothing wrong here.
  if (!is_of_client(error))
    watch->on_result(watch, error < 0 ? error : accepted);
  if (watch->fd >= 0 && (error == 0 || is_of_client(error)))
    accept_next(watch);
}

static void watch_on_wake(uv_async_t *handle) {
  hv_watch *watch = (hv_watch *)handle;
  if (InterlockedExchange(&watch->signalled, 0))
    watch->pending = false;
  else if (!watch->failure)
    return;
  if (watch->closing)
    watch_finish(watch);
  else if (watch->is_listener)
    listener_on_end(watch);
  else
    connect_on_end(watch);
}

// Before anything can signal: a wait that is registered before its event is used has nothing to
// tell.
static int watch_start(uv_loop_t *loop, hv_watch *watch, int fd, bool is_listener) {
  int error = UV_ENOMEM;
  watch->fd = fd;
  watch->incoming = -1;
  watch->is_listener = is_listener;
  watch->overlapped.hEvent = CreateEventW(NULL, FALSE, FALSE, NULL);
  if (watch->overlapped.hEvent &&
      RegisterWaitForSingleObject(&watch->wait, watch->overlapped.hEvent, watch_on_signal, watch,
                                  INFINITE, WT_EXECUTEINWAITTHREAD))
    error = uv_async_init(loop, &watch->handle, watch_on_wake);
  if (error == 0)
    return 0;
  watch_release(watch);
  hv_socket_close(fd);
  return error;
}

int hv_connect_start(uv_loop_t *loop, hv_watch *watch, int fd, const void *address, size_t length) {
  GUID id = WSAID_CONNECTEX;
  LPFN_CONNECTEX connect_ex;
  int error = extension(fd, id, &connect_ex, sizeof connect_ex);
  if (error < 0) {
    hv_socket_close(fd);
    return error;
  }
  error = watch_start(loop, watch, fd, false);
  if (error < 0)
    return error;
  watch->pending = true;
  if (!connect_ex(socket_of(fd), address, (int)length, NULL, 0, NULL, &watch->overlapped) &&
      WSAGetLastError() != ERROR_IO_PENDING)
    watch_fail(watch, last_error());
  return 1;
}

int hv_listener_start(uv_loop_t *loop, hv_watch *watch, int fd) {
  int error = watch_start(loop, watch, fd, true);
  if (error < 0)
    return error;
  accept_next(watch);
  return 0;
}

int hv_listener_resume(hv_watch *watch) {
  accept_next(watch);
  return 0;
}

int hv_watch_take(hv_watch *watch) {
  int fd = watch->fd;
  watch->fd = -1;
  return fd;
}

void hv_watch_close(hv_watch *watch) {
  int fd = hv_watch_take(watch);
  watch->closing = true;
  // Cancels what is pending; the loop hears of it when the system has let go of the memory.
  if (fd >= 0)
    hv_socket_close(fd);
  if (watch->pending)
    uv_ref((uv_handle_t *)&watch->handle);
  else
    watch_finish(watch);
}
