// Pumps as JavaScript holds them: a handle, a callback at the end, and what happens if the
// environment ends first.
#include "glue.h"
#include "pump.h"

#include <stdlib.h>

// Freed when libuv has closed the pump's handle and the garbage collector has released the
// JavaScript handle, in whichever order.
typedef struct {
  hv_pump pump; // first: a pump is cast back to its operation
  napi_env env;
  napi_ref callback; // NULL once it is released
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  bool ended;
  bool closed;
  bool released;
} pump_operation;

static void pump_operation_free(pump_operation *op) {
  if (op->closed && op->released)
    free(op);
}

static void pump_operation_release_javascript(pump_operation *op) {
  if (!op->callback)
    return;
  napi_delete_reference(op->env, op->callback);
  napi_async_destroy(op->env, op->context);
  op->callback = NULL;
}

static void pump_operation_on_closed(hv_pump *pump) {
  pump_operation *op = (pump_operation *)pump;
  napi_async_cleanup_hook_handle cleanup = op->cleanup;
  op->closed = true;
  pump_operation_free(op);
  // Last: an environment that ends waits for this.
  napi_remove_async_cleanup_hook(cleanup);
}

static void pump_operation_on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  pump_operation *op = data;
  op->released = true;
  pump_operation_free(op);
}

static napi_status pump_operation_call(pump_operation *op) {
  napi_env env = op->env;
  napi_value receiver, callback, results[3];
  napi_status status = napi_get_reference_value(env, op->callback, &callback);
  if (status == napi_ok)
    status = napi_get_global(env, &receiver);
  if (status == napi_ok)
    status = napi_create_int32(env, op->pump.error, &results[0]);
  if (status == napi_ok)
    status = napi_create_int32(env, op->pump.error_side, &results[1]);
  if (status == napi_ok)
    status = napi_get_boolean(env, op->pump.error_in_send, &results[2]);
  if (status == napi_ok)
    status = napi_make_callback(env, op->context, receiver, callback, 3, results, NULL);
  return status;
}

static void pump_operation_on_end(hv_pump *pump) {
  pump_operation *op = (pump_operation *)pump;
  napi_env env = op->env;
  op->ended = true;
  hv_pump_close(pump);
  // Released already: the environment ends.
  if (!op->callback)
    return;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok)
    abort();
  napi_value error;
  bool thrown = false;
  if (pump_operation_call(op) != napi_ok && napi_is_exception_pending(env, &thrown) == napi_ok &&
      thrown && napi_get_and_clear_last_exception(env, &error) == napi_ok)
    napi_fatal_exception(env, error);
  pump_operation_release_javascript(op);
  napi_close_handle_scope(env, scope);
}

static void pump_operation_on_teardown(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  pump_operation *op = data;
  pump_operation_release_javascript(op);
  if (op->ended)
    return;
  // Node turns the loop until the hook is removed, and a loop without a referenced handle does not
  // turn.
  uv_ref((uv_handle_t *)&op->pump.ended);
  hv_pump_cancel(&op->pump);
}

// Bytes that may be left out.
static const void *take_head(arguments *args, int index, size_t *length) {
  napi_valuetype type = napi_undefined;
  *length = 0;
  if (!args->failed)
    args->failed = !is_ok(args->env, napi_typeof(args->env, args->values[index], &type));
  return args->failed || type == napi_undefined ? NULL : take_bytes(args, index, length);
}

napi_value pump_start(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int first = take_int(&args, 0), second = take_int(&args, 1);
  int buffer_size = take_int(&args, 2), message_size = take_int(&args, 3);
  bool is_carrier = take_bool(&args, 4);
  napi_value callback = take_function(&args, 5);
  size_t lengths[2];
  const void *heads[2] = {take_head(&args, 6, &lengths[0]), take_head(&args, 7, &lengths[1])};
  napi_value resource_name, handle;
  uv_loop_t *loop;
  if (args.failed || !is_ok(env, napi_get_uv_event_loop(env, &loop)))
    return NULL;
  environment_taken(args.environment, first);
  environment_taken(args.environment, second);
  pump_operation *op = calloc(1, sizeof *op);
  int error = op ? 0 : UV_ENOMEM;
  for (int side = 0; side < 2 && error == 0; side++)
    error = hv_pump_set_head(&op->pump, side, heads[side], lengths[side]);
  if (error == 0) {
    op->env = env;
    op->pump.on_end = pump_operation_on_end;
    op->pump.on_closed = pump_operation_on_closed;
    error = hv_pump_start(loop, &op->pump, first, second, buffer_size > 0 ? (size_t)buffer_size : 0,
                          message_size > 0 ? (size_t)message_size : 0, is_carrier);
  } else {
    hv_socket_close(first);
    hv_socket_close(second);
    if (op)
      free(op->pump.directions[0].head);
  }
  if (error < 0) {
    free(op);
    return number(env, error);
  }
  // Without a hook there would be nobody to stop the threads when the environment ends.
  if (napi_add_async_cleanup_hook(env, pump_operation_on_teardown, op, &op->cleanup) != napi_ok)
    abort();
  napi_status status = napi_create_reference(env, callback, 1, &op->callback);
  if (status == napi_ok)
    status = napi_create_string_utf8(env, "HVSOCKPUMP", NAPI_AUTO_LENGTH, &resource_name);
  if (status == napi_ok)
    status = napi_async_init(env, NULL, resource_name, &op->context);
  if (status == napi_ok)
    status = napi_create_external(env, op, pump_operation_on_collected, NULL, &handle);
  if (is_ok(env, status))
    return handle;
  op->released = true;
  pump_operation_release_javascript(op);
  hv_pump_cancel(&op->pump);
  return NULL;
}

napi_value pump_count(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  pump_operation *op = take_external(&args, 0);
  int source = take_int(&args, 1);
  return args.failed ? NULL : number(env, (double)hv_pump_count(&op->pump, source != 0));
}

napi_value pump_finish(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  pump_operation *op = take_external(&args, 0);
  if (!args.failed)
    hv_pump_finish(&op->pump);
  return NULL;
}

napi_value pump_cancel(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  pump_operation *op = take_external(&args, 0);
  if (!args.failed)
    hv_pump_cancel(&op->pump);
  return NULL;
}

napi_value pump_set_ref(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  pump_operation *op = take_external(&args, 0);
  bool referenced = take_bool(&args, 1);
  if (args.failed || op->ended)
    return NULL;
  if (referenced)
    uv_ref((uv_handle_t *)&op->pump.ended);
  else
    uv_unref((uv_handle_t *)&op->pump.ended);
  return NULL;
}
