// The addon's socket layer: what one operating system's file promises to the glue.
// It knows no address family and no JavaScript. Results are 0 or more, or the negative number of
// the system's error: an errno, or on Windows an error of Winsock. A SOCKET of Windows is an int
// here too: kernel handles have 32 significant bits on every Windows.
#ifndef HVSOCK_SOCKETS_H
#define HVSOCK_SOCKETS_H

#if defined(_WIN32)
#include <winsock2.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

// A new socket: non-blocking, close-on-exec.
int hv_socket_open(int family, int type, int protocol);
int hv_socket_close(int fd);
// For a socket that somebody else has opened, as it is for one of ours.
int hv_socket_make_nonblocking(int fd);
int hv_socket_bind(int fd, const void *address, size_t length);
int hv_socket_listen(int fd, int backlog);
// Writes the local or the peer's address; returns its length, which may exceed the capacity.
int hv_socket_name(int fd, int peer, void *address, size_t capacity);
int hv_socket_set_option(int fd, int level, int name, const void *value, size_t length);
int hv_socket_get_option(int fd, int level, int name, void *value, size_t capacity);
int hv_socket_shutdown(int fd, int how);
// Two stream sockets that are connected with each other, of a kind that libuv knows.
int hv_socket_pair(int pair[2]);
// Puts the socket `from` in the place of the descriptor `into`; `from` is closed, also on failure.
// On Windows there is no such thing.
int hv_socket_adopt(int from, int into);
// Takes a socket out of the hands of the event loop, which may watch it: `placeholder` takes the
// place of the descriptor `fd`, and what `fd` was is returned as a new descriptor. `placeholder` is
// closed, also on failure. On Windows there is no such thing.
int hv_socket_exchange(uv_loop_t *loop, int fd, int placeholder);
// An ioctl that answers with one unsigned 32-bit number.
int hv_descriptor_ioctl(int fd, unsigned long request, uint32_t *value);

// For threads that wait, as the pump's do; a descriptor is `int` on every system.
// Lets calls on this socket wait. What shares the socket, a duplicate included, waits from then on
// too.
int hv_socket_make_blocking(int fd);
// Waits for bytes: how many came, at most `length` and INT_MAX, or 0 at the end of the stream.
int hv_socket_receive(int fd, void *buffer, size_t length);
// Waits until bytes are taken: how many. A peer that has gone is an error and never a signal.
int hv_socket_send(int fd, const void *buffer, size_t length);
// Ends receiving (0) or both directions (2), from any thread: what waits in the calls above for
// that returns soon, also in another thread, and nothing waits any more. The descriptor stays open.
void hv_socket_interrupt(int fd, int how);

// A descriptor that the event loop watches. It owns the descriptor until hv_watch_take or
// hv_watch_close.
typedef struct hv_watch hv_watch;
struct hv_watch {
#if defined(_WIN32)
  uv_async_t handle; // told by the system's waiting thread that an overlapped call is over
  OVERLAPPED overlapped;
  HANDLE wait;
  int incoming; // the socket that the next connection becomes
  bool pending; // the system works on `overlapped`, and may write to it
  bool is_listener;
  bool closing;
  volatile LONG signalled;
  int failure;     // of a call that failed at once
  char names[288]; // where AcceptEx writes two addresses
#else
  uv_poll_t handle;
#endif
  int fd;
  // Connecting: called once, with 0 or a negative errno.
  // Listening: called with each accepted descriptor, or a negative errno, after which it pauses.
  void (*on_result)(hv_watch *watch, int result);
  void (*on_closed)(hv_watch *watch);
};

// Starts to connect. 1: under way, on_result will follow. 0: connected at once. Negative: failed.
// The watch is initialised, and must be closed, only if 1 was returned; the descriptor is closed on
// failure.
int hv_connect_start(uv_loop_t *loop, hv_watch *watch, int fd, const void *address, size_t length);
// Starts to accept on a listening descriptor, which is closed on failure.
int hv_listener_start(uv_loop_t *loop, hv_watch *watch, int fd);
// Goes on after a pause.
int hv_listener_resume(hv_watch *watch);
// Stops watching and gives the descriptor to the caller.
int hv_watch_take(hv_watch *watch);
// Stops watching and closes the descriptor, unless it was taken; on_closed follows.
void hv_watch_close(hv_watch *watch);

#endif
