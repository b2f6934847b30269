// A stand-in for Node on musl, which no registry offers: just enough of Node-API to call the
// addon's plain functions. The test links it with musl-gcc, and with stubs for every other function
// that the addon takes from Node.
#define _GNU_SOURCE
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

// A JavaScript value, as far as these calls go: a number, or bytes.
typedef struct {
  double number;
  void *bytes;
  size_t length;
} value;
typedef value *(*function)(void *env, void *info);

static struct {
  const char *name;
  function call;
  void *data;
} functions[64];
static size_t function_count;

static value *arguments;
static void *function_data;
static value result;

int napi_create_function(void *env, const char *name, size_t length, function call, void *data,
                         void **created) {
  (void)env, (void)length, (void)created;
  functions[function_count].name = name;
  functions[function_count].call = call;
  functions[function_count++].data = data;
  return 0;
}

int napi_get_cb_info(void *env, void *info, size_t *count, value **values, value **receiver,
                     void **data) {
  (void)env, (void)info, (void)receiver;
  for (size_t i = 0; i < *count; i++)
    values[i] = &arguments[i];
  *data = function_data;
  return 0;
}

int napi_get_value_int32(void *env, value *from, int32_t *number) {
  (void)env;
  *number = (int32_t)from->number;
  return 0;
}

int napi_get_typedarray_info(void *env, value *from, int *type, size_t *length, void **bytes,
                             void *buffer, void *offset) {
  (void)env, (void)buffer, (void)offset;
  *type = 1;
  *length = from->length;
  *bytes = from->bytes;
  return 0;
}

// Asked of callbacks alone: all of them are functions.
int napi_typeof(void *env, value *of, int *type) {
  (void)env, (void)of;
  *type = 7; // napi_function
  return 0;
}

int napi_create_double(void *env, double number, value **created) {
  (void)env;
  result.number = number;
  *created = &result;
  return 0;
}

static int call(const char *name, double number, value second, value third) {
  value values[8] = {{.number = number}, second, third};
  for (size_t i = 0; i < function_count; i++) {
    if (strcmp(functions[i].name, name) != 0)
      continue;
    arguments = values;
    function_data = functions[i].data;
    assert(functions[i].call(NULL, NULL) == &result);
    return (int)result.number;
  }
  fprintf(stderr, "the addon has no %s\n", name);
  return -ENOSYS;
}

static value number(double number) { return (value){.number = number}; }
static value bytes(void *bytes, size_t length) { return (value){.bytes = bytes, .length = length}; }
static const value none;

int main(int count, char **args) {
  assert(count == 2);
  void *addon = dlopen(args[1], RTLD_NOW);
  if (!addon) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  value *(*start)(void *env, value *exports) = dlsym(addon, "napi_register_module_v1");
  value exports;
  assert(start && start(NULL, &exports) == &exports);

  unsigned char name[16] = {AF_UNIX}, peer[16];
  int listener = call("socket_open", AF_UNIX, number(SOCK_STREAM), none);
  assert(listener >= 0);
  assert(call("socket_bind", listener, bytes(name, 2), none) == 0);
  assert(call("socket_listen", listener, number(1), none) == 0);
  int length = call("socket_local_name", listener, bytes(name, sizeof name), none);
  assert(length > 2);
  int client = call("socket_open", AF_UNIX, number(SOCK_STREAM), none);
  assert(call("connect_start", client, bytes(name, (size_t)length), none) == 0);
  assert(call("socket_peer_name", client, bytes(peer, sizeof peer), none) == length);
  assert(memcmp(name, peer, (size_t)length) == 0);
  int placeholder = call("socket_open", AF_UNIX, number(SOCK_STREAM), none);
  assert(call("socket_adopt", client, number(placeholder), none) == 0);
  assert(send(placeholder, "x", 1, 0) == 1);
  assert(call("socket_close", placeholder, none, none) == 0);
  // The addon finds musl's errno, not just any.
  assert(call("socket_close", -1, none, none) == -EBADF);

  Dl_info where;
  assert(dladdr((void *)socket, &where));
  printf("%zu functions, sockets of %s\n", function_count, where.dli_fname);
  return 0;
}
