// Operations: connects and listeners that the event loop watches and JavaScript holds, and how they
// end.
#include "glue.h"

#include <stdlib.h>

// A watch and the JavaScript function that it reports to. Freed when libuv has closed the handle
// and the garbage collector has released the JavaScript handle, in whichever order.
typedef struct operation operation;
struct operation {
  hv_watch watch; // first: a watch is cast back to its operation
  environment *environment;
  napi_ref callback;
  napi_async_context context;
  bool one_shot;
  bool calling; // JavaScript runs in on_result right now
  bool closing;
  bool closed;
  bool released;
  operation *previous;
  operation *next;
};

// One for each environment: the main thread's and each worker's.
struct environment {
  napi_env env;
  uv_loop_t *loop;
  operation *operations;
  size_t open_handles;
  napi_async_cleanup_hook_handle cleanup;
  int handed; // the descriptor that JavaScript was given and has done nothing with yet, or -1
  bool tearing_down;
};

static void operation_free(operation *op) {
  if (op->closed && op->released)
    free(op);
}

// While an environment ends, its asynchronous clean-up lasts until the last handle is closed.
static void environment_finish(environment *environment) {
  if (!environment->tearing_down || environment->open_handles > 0)
    return;
  napi_remove_async_cleanup_hook(environment->cleanup);
  free(environment);
}

static void operation_on_closed(hv_watch *watch) {
  operation *op = (operation *)watch;
  environment *environment = op->environment;
  op->closed = true;
  operation_free(op);
  environment->open_handles--;
  environment_finish(environment);
}

// Not while JavaScript runs within this very context: its end is then the caller's to see to.
static void operation_release_javascript(operation *op) {
  if (op->calling)
    return;
  napi_delete_reference(op->environment->env, op->callback);
  napi_async_destroy(op->environment->env, op->context);
}

// Ends the operation; a second call does nothing. The memory lives until operation_on_closed.
static void operation_close(operation *op) {
  if (op->closing)
    return;
  op->closing = true;
  if (op->previous)
    op->previous->next = op->next;
  else
    op->environment->operations = op->next;
  if (op->next)
    op->next->previous = op->previous;
  operation_release_javascript(op);
  hv_watch_close(&op->watch);
}

static void operation_on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  operation *op = data;
  op->released = true;
  operation_free(op);
}

static napi_status operation_call(operation *op, int result) {
  napi_env env = op->environment->env;
  napi_value receiver, callback, argument;
  napi_status status = napi_get_reference_value(env, op->callback, &callback);
  if (status == napi_ok)
    status = napi_get_global(env, &receiver);
  if (status == napi_ok)
    status = napi_create_int32(env, result, &argument);
  if (status == napi_ok)
    status = napi_make_callback(env, op->context, receiver, callback, 1, &argument, NULL);
  return status;
}

void environment_taken(environment *environment, int fd) {
  if (environment->handed == fd)
    environment->handed = -1;
}

// A result of 0 or more is a descriptor, and JavaScript's if the call ends well. A callback that
// throws, or a worker that is terminated in the middle of it, leaves what it had done nothing with.
static void operation_on_result(hv_watch *watch, int result) {
  operation *op = (operation *)watch;
  napi_env env = op->environment->env;
  napi_handle_scope scope;
  if (op->one_shot) {
    int fd = hv_watch_take(watch);
    if (result == 0)
      result = fd;
    else
      hv_socket_close(fd);
  }
  if (napi_open_handle_scope(env, &scope) != napi_ok)
    abort();
  op->calling = true;
  op->environment->handed = result;
  napi_status status = operation_call(op, result);
  op->calling = false;
  if (status != napi_ok) {
    napi_value error;
    bool thrown = false;
    napi_is_exception_pending(env, &thrown);
    if (thrown && napi_get_and_clear_last_exception(env, &error) == napi_ok)
      napi_fatal_exception(env, error);
    if (op->environment->handed >= 0)
      hv_socket_close(result);
  }
  op->environment->handed = -1;
  if (op->closing)
    operation_release_javascript(op);
  else if (op->one_shot)
    operation_close(op);
  napi_close_handle_scope(env, scope);
}

typedef int (*operation_starter)(uv_loop_t *loop, operation *op, int fd, const void *address,
                                 size_t length);

static int start_connect(uv_loop_t *loop, operation *op, int fd, const void *address,
                         size_t length) {
  return hv_connect_start(loop, &op->watch, fd, address, length);
}

static int start_listener(uv_loop_t *loop, operation *op, int fd, const void *address,
                          size_t length) {
  (void)address;
  (void)length;
  int result = hv_listener_start(loop, &op->watch, fd);
  return result == 0 ? 1 : result;
}

// A JavaScript handle if the operation is under way, else a number: 0 for done at once, or a
// negative errno. From here on the descriptor is the operation's, unless 0 is returned.
static napi_value operation_start(arguments *args, operation_starter start, bool one_shot, int fd,
                                  const void *address, size_t length, napi_value callback,
                                  const char *name) {
  napi_env env = args->env;
  napi_value resource_name, handle;
  environment_taken(args->environment, fd);
  operation *op = calloc(1, sizeof *op);
  if (!op) {
    hv_socket_close(fd);
    return number(env, UV_ENOMEM);
  }
  op->environment = args->environment;
  op->one_shot = one_shot;
  op->watch.on_result = operation_on_result;
  op->watch.on_closed = operation_on_closed;
  int result = start(args->environment->loop, op, fd, address, length);
  if (result != 1) {
    free(op);
    return number(env, result);
  }
  op->next = op->environment->operations;
  if (op->next)
    op->next->previous = op;
  op->environment->operations = op;
  op->environment->open_handles++;

  napi_status status = napi_create_reference(env, callback, 1, &op->callback);
  if (status == napi_ok)
    status = napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource_name);
  if (status == napi_ok)
    status = napi_async_init(env, NULL, resource_name, &op->context);
  if (status == napi_ok)
    status = napi_create_external(env, op, operation_on_collected, NULL, &handle);
  if (is_ok(env, status))
    return handle;
  op->released = true;
  operation_close(op);
  return NULL;
}

napi_value connect_start(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  size_t length;
  int fd = take_int(&args, 0);
  const void *address = take_bytes(&args, 1, &length);
  napi_value callback = take_function(&args, 2);
  if (args.failed)
    return NULL;
  return operation_start(&args, start_connect, true, fd, address, length, callback,
                         "HVSOCKCONNECT");
}

napi_value listener_start(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int fd = take_int(&args, 0);
  napi_value callback = take_function(&args, 1);
  if (args.failed)
    return NULL;
  return operation_start(&args, start_listener, false, fd, NULL, 0, callback, "HVSOCKLISTENER");
}

napi_value listener_resume(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  operation *op = take_external(&args, 0);
  if (args.failed)
    return NULL;
  return answer(&args, op->closing ? UV_EBADF : hv_listener_resume(&op->watch));
}

napi_value operation_cancel(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  operation *op = take_external(&args, 0);
  if (!args.failed)
    operation_close(op);
  return NULL;
}

napi_value operation_set_ref(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  operation *op = take_external(&args, 0);
  bool referenced = take_bool(&args, 1);
  if (args.failed || op->closing)
    return NULL;
  if (referenced)
    uv_ref((uv_handle_t *)&op->watch.handle);
  else
    uv_unref((uv_handle_t *)&op->watch.handle);
  return NULL;
}

static void environment_on_teardown(napi_async_cleanup_hook_handle handle, void *data) {
  environment *environment = data;
  environment->cleanup = handle;
  while (environment->operations)
    operation_close(environment->operations);
  environment->tearing_down = true;
  environment_finish(environment);
}

environment *environment_create(napi_env env) {
  environment *environment = calloc(1, sizeof *environment);
  if (!environment)
    return NULL;
  environment->env = env;
  environment->handed = -1;
  if (is_ok(env, napi_get_uv_event_loop(env, &environment->loop)) &&
      is_ok(env, napi_add_async_cleanup_hook(env, environment_on_teardown, environment,
                                             &environment->cleanup)))
    return environment;
  free(environment);
  return NULL;
}
