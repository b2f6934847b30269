// What the files of the glue share: arguments in, numbers out, and the environment that a call
// belongs to.
#ifndef HVSOCK_GLUE_H
#define HVSOCK_GLUE_H

#include "sockets.h"

#include <node_api.h>
#include <stdbool.h>

#define MAX_ARGUMENTS 8

typedef struct environment environment;

// Taken one after another; after the first that is wrong an exception is pending, and `failed` is
// set.
typedef struct {
  napi_env env;
  environment *environment;
  napi_value values[MAX_ARGUMENTS];
  bool failed;
} arguments;

bool is_ok(napi_env env, napi_status status);
arguments take_arguments(napi_env env, napi_callback_info info);
int take_int(arguments *args, int index);
bool take_bool(arguments *args, int index);
void *take_bytes(arguments *args, int index, size_t *length);
napi_value take_function(arguments *args, int index);
// What an operation or a pump is to JavaScript.
void *take_external(arguments *args, int index);
napi_value number(napi_env env, double value);
napi_value answer(arguments *args, int result);

// Operations, in operations.c: connects and listeners that the event loop watches.
environment *environment_create(napi_env env);
// JavaScript has passed on, or closed, a descriptor that it may have been given just now.
void environment_taken(environment *environment, int fd);
napi_value connect_start(napi_env env, napi_callback_info info);
napi_value listener_start(napi_env env, napi_callback_info info);
napi_value listener_resume(napi_env env, napi_callback_info info);
napi_value operation_cancel(napi_env env, napi_callback_info info);
napi_value operation_set_ref(napi_env env, napi_callback_info info);

// Pumps, in pump_operation.c: two sockets whose bytes threads carry.
napi_value pump_start(napi_env env, napi_callback_info info);
napi_value pump_count(napi_env env, napi_callback_info info);
napi_value pump_finish(napi_env env, napi_callback_info info);
napi_value pump_cancel(napi_env env, napi_callback_info info);
napi_value pump_set_ref(napi_env env, napi_callback_info info);

#endif
