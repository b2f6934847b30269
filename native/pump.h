// A pump: two connected stream sockets, and two threads that carry the bytes of each to the other.
// It knows no address family, no JavaScript and, but for sockets.h, no operating system.
#ifndef HVSOCK_PUMP_H
#define HVSOCK_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct hv_pump hv_pump;

// What one thread carries: from one socket to the other.
typedef struct {
  hv_pump *pump;
  int source; // 0 or 1, which of `sockets`
  uv_thread_t thread;
  void *block; // what `buffer` lies in
  uint8_t *buffer;
  uint8_t *head; // bytes to send first
  size_t head_length;
  uint64_t count; // bytes that were sent
  bool ended;
} hv_pump_direction;

struct hv_pump {
  uv_async_t ended; // first: it is cast back to its pump
  uv_mutex_t mutex; // for everything that both threads or the event loop change
  int sockets[2];
  size_t buffer_size;
  size_t message_size;
  bool is_carrier;
  bool finishing;
  hv_pump_direction directions[2];
  bool started;
  int running;
  int error; // the first one, a negative errno, of socket `error_side`
  int error_side;
  bool error_in_send;
  // In the event loop: both directions have ended, and both sockets are closed; a carrier's are
  // closed after it. hv_pump_close must follow.
  void (*on_end)(hv_pump *pump);
  // In the event loop, after hv_pump_close: the memory is the caller's again.
  void (*on_closed)(hv_pump *pump);
};

// Starts to carry bytes between `first` and `second`, which are the pump's from here on and closed
// by it, also on failure. The end of one socket's stream becomes the end of what the other one is
// sent; a socket that takes no more makes the pump stop reading from the other; one that fails in
// reading ends both directions. `buffer_size` is for each direction; no single send has more bytes
// than `message_size`, unless that is 0. 0, and on_end will follow; or a negative errno, and
// neither on_end nor on_closed will.
//
// As a carrier, the second socket is one end of a pair, and whoever holds the other end takes it
// for the first socket. So every failure ends both directions, and on_end comes before the holder
// can see an end where there was a failure.
int hv_pump_start(uv_loop_t *loop, hv_pump *pump, int first, int second, size_t buffer_size,
                  size_t message_size, bool is_carrier);
// Copies bytes that have been read from one socket, 0 or 1, to be sent to the other before all
// else.
int hv_pump_set_head(hv_pump *pump, int source, const void *bytes, size_t length);
// Bytes that have been received from one socket, 0 or 1, and sent to the other.
uint64_t hv_pump_count(hv_pump *pump, int source);
// The holder of a carrier's pair is gone: what it has sent is still carried, then both directions
// end. Harmless at the end.
void hv_pump_finish(hv_pump *pump);
// Ends both directions soon; on_end follows, with UV_ECANCELED unless it failed before. Harmless at
// the end.
void hv_pump_cancel(hv_pump *pump);
// Once, in on_end or later.
void hv_pump_close(hv_pump *pump);

#endif
