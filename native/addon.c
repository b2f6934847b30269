// The glue between Node-API and the socket layer: arguments in, numbers out, no system call of its
// own. Results are plain numbers, negative errnos included; src/errors.ts gives them their meaning.
#include "glue.h"

// --- arguments ---

bool is_ok(napi_env env, napi_status status) {
  if (status == napi_ok)
    return true;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending)
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "hvsock: the binding was called wrongly");
  return false;
}

arguments take_arguments(napi_env env, napi_callback_info info) {
  arguments args = {.env = env};
  size_t count = MAX_ARGUMENTS;
  args.failed = !is_ok(
      env, napi_get_cb_info(env, info, &count, args.values, NULL, (void **)&args.environment));
  return args;
}

int take_int(arguments *args, int index) {
  int32_t value = 0;
  if (!args->failed)
    args->failed = !is_ok(args->env, napi_get_value_int32(args->env, args->values[index], &value));
  return value;
}

bool take_bool(arguments *args, int index) {
  bool value = false;
  if (!args->failed)
    args->failed = !is_ok(args->env, napi_get_value_bool(args->env, args->values[index], &value));
  return value;
}

void *take_bytes(arguments *args, int index, size_t *length) {
  void *data = NULL;
  napi_typedarray_type type = napi_uint8_array;
  *length = 0;
  if (!args->failed)
    args->failed = !is_ok(args->env, napi_get_typedarray_info(args->env, args->values[index], &type,
                                                              length, &data, NULL, NULL));
  return data;
}

napi_value take_function(arguments *args, int index) {
  napi_valuetype type = napi_undefined;
  if (!args->failed)
    args->failed = !is_ok(args->env, napi_typeof(args->env, args->values[index], &type));
  if (!args->failed && type != napi_function)
    args->failed = !is_ok(args->env, napi_function_expected);
  return args->values[index];
}

void *take_external(arguments *args, int index) {
  void *data = NULL;
  if (!args->failed)
    args->failed =
        !is_ok(args->env, napi_get_value_external(args->env, args->values[index], &data));
  return data;
}

napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

napi_value answer(arguments *args, int result) {
  return args->failed ? NULL : number(args->env, result);
}

// --- plain calls ---

static napi_value socket_open(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int family = take_int(&args, 0), type = take_int(&args, 1), protocol = take_int(&args, 2);
  return args.failed ? NULL : answer(&args, hv_socket_open(family, type, protocol));
}

static napi_value socket_close(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int fd = take_int(&args, 0);
  if (args.failed)
    return NULL;
  environment_taken(args.environment, fd);
  return answer(&args, hv_socket_close(fd));
}

static napi_value socket_make_nonblocking(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int fd = take_int(&args, 0);
  return args.failed ? NULL : answer(&args, hv_socket_make_nonblocking(fd));
}

static napi_value socket_bind(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  size_t length;
  int fd = take_int(&args, 0);
  const void *address = take_bytes(&args, 1, &length);
  return args.failed ? NULL : answer(&args, hv_socket_bind(fd, address, length));
}

static napi_value socket_listen(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int fd = take_int(&args, 0), backlog = take_int(&args, 1);
  return args.failed ? NULL : answer(&args, hv_socket_listen(fd, backlog));
}

static napi_value name_of(napi_env env, napi_callback_info info, int peer) {
  arguments args = take_arguments(env, info);
  size_t capacity;
  int fd = take_int(&args, 0);
  void *address = take_bytes(&args, 1, &capacity);
  return args.failed ? NULL : answer(&args, hv_socket_name(fd, peer, address, capacity));
}

static napi_value socket_local_name(napi_env env, napi_callback_info info) {
  return name_of(env, info, 0);
}

static napi_value socket_peer_name(napi_env env, napi_callback_info info) {
  return name_of(env, info, 1);
}

static napi_value socket_set_option(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  size_t length;
  int fd = take_int(&args, 0), level = take_int(&args, 1), name = take_int(&args, 2);
  const void *value = take_bytes(&args, 3, &length);
  return args.failed ? NULL : answer(&args, hv_socket_set_option(fd, level, name, value, length));
}

static napi_value socket_get_option(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  size_t capacity;
  int fd = take_int(&args, 0), level = take_int(&args, 1), name = take_int(&args, 2);
  void *value = take_bytes(&args, 3, &capacity);
  return args.failed ? NULL : answer(&args, hv_socket_get_option(fd, level, name, value, capacity));
}

static napi_value socket_shutdown(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int fd = take_int(&args, 0), how = take_int(&args, 1);
  return args.failed ? NULL : answer(&args, hv_socket_shutdown(fd, how));
}

static napi_value socket_pair(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  size_t capacity;
  int *pair = take_bytes(&args, 0, &capacity);
  if (!args.failed && capacity < 2 * sizeof *pair)
    args.failed = !is_ok(env, napi_invalid_arg);
  return args.failed ? NULL : answer(&args, hv_socket_pair(pair));
}

static napi_value socket_adopt(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int from = take_int(&args, 0), into = take_int(&args, 1);
  if (args.failed)
    return NULL;
  environment_taken(args.environment, from);
  return answer(&args, hv_socket_adopt(from, into));
}

static napi_value descriptor_taken(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  int fd = take_int(&args, 0);
  if (!args.failed)
    environment_taken(args.environment, fd);
  return NULL;
}

static napi_value socket_exchange(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  uv_loop_t *loop;
  int fd = take_int(&args, 0), placeholder = take_int(&args, 1);
  if (args.failed || !is_ok(env, napi_get_uv_event_loop(env, &loop)))
    return NULL;
  return answer(&args, hv_socket_exchange(loop, fd, placeholder));
}

static napi_value descriptor_ioctl(napi_env env, napi_callback_info info) {
  arguments args = take_arguments(env, info);
  uint32_t value = 0;
  int fd = take_int(&args, 0), request = take_int(&args, 1);
  if (args.failed)
    return NULL;
  int result = hv_descriptor_ioctl(fd, (unsigned int)request, &value);
  return number(env, result < 0 ? result : (double)value);
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"socket_open", socket_open},
      {"socket_close", socket_close},
      {"socket_make_nonblocking", socket_make_nonblocking},
      {"socket_bind", socket_bind},
      {"socket_listen", socket_listen},
      {"socket_local_name", socket_local_name},
      {"socket_peer_name", socket_peer_name},
      {"socket_set_option", socket_set_option},
      {"socket_get_option", socket_get_option},
      {"socket_shutdown", socket_shutdown},
      {"socket_pair", socket_pair},
      {"socket_adopt", socket_adopt},
      {"socket_exchange", socket_exchange},
      {"descriptor_taken", descriptor_taken},
      {"descriptor_ioctl", descriptor_ioctl},
      {"connect_start", connect_start},
      {"listener_start", listener_start},
      {"listener_resume", listener_resume},
      {"operation_cancel", operation_cancel},
      {"operation_set_ref", operation_set_ref},
      {"pump_start", pump_start},
      {"pump_count", pump_count},
      {"pump_finish", pump_finish},
      {"pump_cancel", pump_cancel},
      {"pump_set_ref", pump_set_ref},
  };
  environment *environment = environment_create(env);
  if (!environment)
    return NULL;
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    if (!is_ok(env, napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH,
                                         functions[i].function, environment, &function)) ||
        !is_ok(env, napi_set_named_property(env, exports, functions[i].name, function)))
      return NULL;
  }
  return exports;
}
