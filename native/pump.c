// Carries bytes between two sockets outside the event loop: one thread for each direction, which
// waits in the kernel.
#include "pump.h"
#include "sockets.h"

#include <stdlib.h>
#include <string.h>

// The threads call nothing deep; C libraries keep thread-locals here too.
#define STACK_SIZE ((size_t)128 * 1024)

// Of buffers: the kernel copies whole cache lines and pages faster.
#define ALIGNMENT ((uintptr_t)4096)

enum { SHUT_RECEIVING = 0, SHUT_SENDING = 1, SHUT_BOTH = 2 };
enum { FIRST = 0, SECOND = 1 };

static void pump_interrupt(hv_pump *pump) {
  hv_socket_interrupt(pump->sockets[FIRST], SHUT_BOTH);
  // The holder of a carrier's pair is told of a failure by on_end, not by an end.
  hv_socket_interrupt(pump->sockets[SECOND], pump->is_carrier ? SHUT_RECEIVING : SHUT_BOTH);
}

// The first error counts: those that follow are its consequences.
static void pump_fail(hv_pump *pump, int error, int side, bool in_send) {
  uv_mutex_lock(&pump->mutex);
  if (pump->error == 0) {
    pump->error = error;
    pump->error_side = side;
    pump->error_in_send = in_send;
  }
  uv_mutex_unlock(&pump->mutex);
}

// Whether everything was sent.
static bool direction_send(hv_pump_direction *direction, const uint8_t *bytes, size_t length) {
  hv_pump *pump = direction->pump;
  int source = direction->source;
  for (size_t sent = 0; sent < length;) {
    size_t size = length - sent;
    if (pump->message_size > 0 && size > pump->message_size)
      size = pump->message_size;
    int result = hv_socket_send(pump->sockets[!source], bytes + sent, size);
    if (result < 0) {
      pump_fail(pump, result, !source, true);
      // Whoever sends learns that nobody reads; what the sink still says is carried on.
      if (pump->is_carrier)
        pump_interrupt(pump);
      else
        hv_socket_shutdown(pump->sockets[source], SHUT_RECEIVING);
      return false;
    }
    sent += (size_t)result;
    uv_mutex_lock(&pump->mutex);
    direction->count += (uint64_t)result;
    uv_mutex_unlock(&pump->mutex);
  }
  return true;
}

static void direction_carry(hv_pump_direction *direction) {
  hv_pump *pump = direction->pump;
  if (!direction_send(direction, direction->head, direction->head_length))
    return;
  for (;;) {
    int received =
        hv_socket_receive(pump->sockets[direction->source], direction->buffer, pump->buffer_size);
    if (received < 0) {
      // A connection that fails in reading is over in both directions.
      pump_fail(pump, received, direction->source, false);
      pump_interrupt(pump);
      return;
    }
    if (received == 0) {
      hv_socket_shutdown(pump->sockets[!direction->source], SHUT_SENDING);
      return;
    }
    if (!direction_send(direction, direction->buffer, (size_t)received))
      return;
  }
}

// With the mutex held.
static void pump_finish_if_sent(hv_pump *pump) {
  if (pump->finishing && pump->directions[SECOND].ended)
    hv_socket_interrupt(pump->sockets[FIRST], SHUT_BOTH);
}

static void direction_run(void *data) {
  hv_pump_direction *direction = data;
  hv_pump *pump = direction->pump;
  // Held by hv_pump_start until it has succeeded, or failed.
  uv_mutex_lock(&pump->mutex);
  bool started = pump->started;
  uv_mutex_unlock(&pump->mutex);
  if (!started)
    return;
  direction_carry(direction);
  uv_mutex_lock(&pump->mutex);
  direction->ended = true;
  bool is_last = --pump->running == 0;
  pump_finish_if_sent(pump);
  uv_mutex_unlock(&pump->mutex);
  if (is_last)
    uv_async_send(&pump->ended);
}

static void pump_release(hv_pump *pump) {
  for (int side = 0; side < 2; side++) {
    hv_socket_close(pump->sockets[side]);
    pump->sockets[side] = -1;
    free(pump->directions[side].block);
    free(pump->directions[side].head);
  }
}

static void pump_on_ended(uv_async_t *ended) {
  hv_pump *pump = (hv_pump *)ended;
  for (int source = 0; source < 2; source++)
    uv_thread_join(&pump->directions[source].thread);
  // Once it is closed, the holder of a carrier's pair sees an end.
  if (!pump->is_carrier)
    pump_release(pump);
  pump->on_end(pump);
  if (pump->is_carrier)
    pump_release(pump);
}

static uint8_t *aligned(void *block) {
  return (uint8_t *)(((uintptr_t)block + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
}

static int pump_prepare(hv_pump *pump) {
  for (int side = 0; side < 2; side++) {
    hv_pump_direction *direction = &pump->directions[side];
    direction->pump = pump;
    direction->source = side;
    direction->block = malloc(pump->buffer_size + ALIGNMENT);
    if (!direction->block)
      return UV_ENOMEM;
    direction->buffer = aligned(direction->block);
    int error = hv_socket_make_blocking(pump->sockets[side]);
    if (error < 0)
      return error;
  }
  return 0;
}

static int pump_run(uv_loop_t *loop, hv_pump *pump) {
  const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = STACK_SIZE};
  int error = 0, created = 0;
  uv_mutex_lock(&pump->mutex);
  while (error == 0 && created < 2) {
    hv_pump_direction *direction = &pump->directions[created];
    error = uv_thread_create_ex(&direction->thread, &options, direction_run, direction);
    if (error == 0)
      created++;
  }
  // Last, since it cannot be undone at once.
  if (error == 0)
    error = uv_async_init(loop, &pump->ended, pump_on_ended);
  pump->started = error == 0;
  uv_mutex_unlock(&pump->mutex);
  if (error < 0)
    while (created > 0)
      uv_thread_join(&pump->directions[--created].thread);
  return error;
}

int hv_pump_set_head(hv_pump *pump, int source, const void *bytes, size_t length) {
  hv_pump_direction *direction = &pump->directions[source];
  if (length == 0)
    return 0;
  direction->head = malloc(length);
  if (!direction->head)
    return UV_ENOMEM;
  memcpy(direction->head, bytes, length);
  direction->head_length = length;
  return 0;
}

int hv_pump_start(uv_loop_t *loop, hv_pump *pump, int first, int second, size_t buffer_size,
                  size_t message_size, bool is_carrier) {
  pump->sockets[FIRST] = first;
  pump->sockets[SECOND] = second;
  pump->is_carrier = is_carrier;
  pump->buffer_size = buffer_size;
  pump->message_size = message_size;
  pump->running = 2;
  int error = buffer_size == 0 ? UV_EINVAL : pump_prepare(pump);
  if (error == 0)
    error = uv_mutex_init(&pump->mutex);
  if (error == 0) {
    error = pump_run(loop, pump);
    if (error < 0)
      uv_mutex_destroy(&pump->mutex);
  }
  if (error < 0)
    pump_release(pump);
  return error;
}

uint64_t hv_pump_count(hv_pump *pump, int source) {
  // There is no thread any more, and perhaps no mutex.
  if (pump->sockets[0] < 0)
    return pump->directions[source].count;
  uv_mutex_lock(&pump->mutex);
  uint64_t count = pump->directions[source].count;
  uv_mutex_unlock(&pump->mutex);
  return count;
}

void hv_pump_finish(hv_pump *pump) {
  if (pump->sockets[0] < 0)
    return;
  uv_mutex_lock(&pump->mutex);
  pump->finishing = true;
  pump_finish_if_sent(pump);
  uv_mutex_unlock(&pump->mutex);
}

void hv_pump_cancel(hv_pump *pump) {
  if (pump->sockets[0] < 0)
    return;
  pump_fail(pump, UV_ECANCELED, 0, false);
  pump_interrupt(pump);
}

static void pump_on_close(uv_handle_t *handle) {
  hv_pump *pump = (hv_pump *)handle;
  uv_mutex_destroy(&pump->mutex);
  pump->on_closed(pump);
}

void hv_pump_close(hv_pump *pump) { uv_close((uv_handle_t *)&pump->ended, pump_on_close); }
