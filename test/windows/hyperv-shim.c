// AF_HYPERV for machines that have none, in tests: the calls that a module makes to ws2_32.dll are
// led through here, and Hyper-V sockets then are TCP sockets on 127.0.0.1. The modules themselves,
// our addon and node.exe, are not altered: what is replaced are the entries of their import tables.
// It shows that the calls fit together, and nothing of what Hyper-V itself does.
//
//   patch(module?)      leads a module's calls through here, node.exe's without a name: how many
//   setFault(name, on)  has calls go wrong from now on: see `fault`
//   calls()             how often each call was made on Hyper-V sockets
#define WIN32_LEAN_AND_MEAN
#include <winsock2.h>

#include <hvsocket.h>
#include <mswsock.h>
#include <windows.h>
#include <ws2tcpip.h>

#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifndef AF_HYPERV
#define AF_HYPERV 34 // mingw-w64 has the structures, but not this
#endif

#define COUNT(array) (sizeof(array) / sizeof *(array))

// --- sockets that are Hyper-V's, as their users see them ---

typedef struct {
  SOCKET socket; // 0: free
  bool bound;
  SOCKADDR_HV local, peer;
  LPOVERLAPPED hanging; // of a connect that nobody answers
} entry;

static entry entries[4096];
static CRITICAL_SECTION mutex;

static entry *find(SOCKET socket) {
  entry *found = NULL;
  EnterCriticalSection(&mutex);
  for (size_t i = 0; i < COUNT(entries) && !found; i++)
    if (entries[i].socket == socket && socket != 0)
      found = &entries[i];
  LeaveCriticalSection(&mutex);
  return found;
}

static void add(SOCKET socket) {
  EnterCriticalSection(&mutex);
  for (size_t i = 0; i < COUNT(entries); i++) {
    if (entries[i].socket != 0)
      continue;
    memset(&entries[i], 0, sizeof entries[i]);
    entries[i].socket = socket;
    LeaveCriticalSection(&mutex);
    return;
  }
  abort();
}

static void forget(SOCKET socket) {
  entry *found = find(socket);
  EnterCriticalSection(&mutex);
  if (found)
    found->socket = 0;
  LeaveCriticalSection(&mutex);
}

// --- what is counted, and what may go wrong ---

enum call { SOCKET_OPEN, BIND, LISTEN, CONNECT, ACCEPT, NAME, OPTION, CLOSE, CALLS };
static const char *const call_names[CALLS] = {"socket", "bind", "listen", "connect",
                                              "accept", "name", "option", "close"};
static LONG calls[CALLS];

static void count(enum call call) { InterlockedIncrement(&calls[call]); }

enum fault {
  NO_FAMILY,   // socket: WSAEAFNOSUPPORT, no such family
  NET_DOWN,    // socket: WSAENETDOWN, no Hyper-V
  NOT_ALLOWED, // bind and connect: WSAEACCES, the service's security descriptor
  DISABLED,    // connect: WSAEINVAL
  REFUSED,     // connect: WSAECONNREFUSED
  NO_ANSWER,   // connect: never over
  LATE,        // connect: as usual, after 300 ms
  TIMED_OUT,   // connect: WSAETIMEDOUT
  PARTIAL,     // send: at most 1000 bytes
  BROKEN_PIPE, // receive: ERROR_BROKEN_PIPE at the end of the stream
  ZERO_LOST,   // receive: a request for no bytes is answered with an error, as a provider without
               // them might
  FAULTS
};
static const char *const fault_names[FAULTS] = {
    "no-family", "net-down",  "not-allowed", "disabled",    "refused",  "no-answer",
    "late",      "timed-out", "partial",     "broken-pipe", "zero-lost"};
static volatile LONG faults[FAULTS];

static int fail(int error) {
  WSASetLastError(error);
  return SOCKET_ERROR;
}

// --- addresses ---

// Each service has a port; two services could share one, by chance.
static void to_loopback(const SOCKADDR_HV *address, struct sockaddr_in *loopback) {
  const unsigned char *bytes = (const unsigned char *)&address->ServiceId;
  unsigned hash = 2166136261u;
  for (size_t i = 0; i < sizeof address->ServiceId; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  memset(loopback, 0, sizeof *loopback);
  loopback->sin_family = AF_INET;
  loopback->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  loopback->sin_port = htons((u_short)(20000 + hash % 12000));
}

static bool is_address(const struct sockaddr *address, int length) {
  return length >= (int)sizeof(SOCKADDR_HV) && address->sa_family == AF_HYPERV;
}

static bool is_same(const GUID *a, const GUID *b) { return memcmp(a, b, sizeof *a) == 0; }

// As on Hyper-V: a loopback client's own machine is CHILDREN, its service is the system's choice.
static void become_client(entry *own, const SOCKADDR_HV *peer) {
  own->peer = *peer;
  own->local.Family = AF_HYPERV;
  own->local.VmId = HV_GUID_CHILDREN;
  own->local.ServiceId.Data1 = (ULONG)own->socket;
}

static void become_accepted(SOCKET socket, const entry *listener) {
  if (!find(socket))
    add(socket);
  entry *own = find(socket);
  own->local = own->peer = listener->local;
  own->bound = true;
  own->peer.VmId = HV_GUID_LOOPBACK;
  own->peer.ServiceId.Data1++;
}

// --- calls ---

static SOCKET WSAAPI shim_WSASocketW(int family, int type, int protocol, LPWSAPROTOCOL_INFOW info,
                                     GROUP group, DWORD flags) {
  if (family != AF_HYPERV)
    return WSASocketW(family, type, protocol, info, group, flags);
  count(SOCKET_OPEN);
  int error = faults[NO_FAMILY] ? WSAEAFNOSUPPORT : faults[NET_DOWN] ? WSAENETDOWN : 0;
  if (!error && (type != SOCK_STREAM || protocol != HV_PROTOCOL_RAW))
    error = WSAEPROTOTYPE;
  if (error) {
    WSASetLastError(error);
    return INVALID_SOCKET;
  }
  SOCKET opened = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, group, flags);
  if (opened != INVALID_SOCKET)
    add(opened);
  return opened;
}

static int WSAAPI shim_bind(SOCKET socket, const struct sockaddr *address, int length) {
  entry *own = find(socket);
  if (!own)
    return bind(socket, address, length);
  count(BIND);
  if (faults[NOT_ALLOWED])
    return fail(WSAEACCES);
  if (!is_address(address, length))
    return fail(WSAEFAULT);
  memcpy(&own->local, address, sizeof own->local);
  own->bound = true;
  return 0;
}

static int WSAAPI shim_listen(SOCKET socket, int backlog) {
  entry *own = find(socket);
  if (!own)
    return listen(socket, backlog);
  count(LISTEN);
  if (!own->bound)
    return fail(WSAEINVAL);
  struct sockaddr_in loopback;
  BOOL yes = TRUE;
  to_loopback(&own->local, &loopback);
  setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&yes, sizeof yes);
  if (bind(socket, (struct sockaddr *)&loopback, sizeof loopback) == SOCKET_ERROR)
    return SOCKET_ERROR;
  return listen(socket, backlog);
}

static LPFN_CONNECTEX real_connect_ex;

typedef struct {
  SOCKET socket;
  struct sockaddr_in address;
  LPOVERLAPPED overlapped;
} late_connect;

static DWORD WINAPI connect_late(void *data) {
  late_connect *late = data;
  DWORD sent;
  Sleep(300);
  if (!real_connect_ex(late->socket, (struct sockaddr *)&late->address, sizeof late->address, NULL,
                       0, &sent, late->overlapped) &&
      WSAGetLastError() != ERROR_IO_PENDING)
    SetEvent(late->overlapped->hEvent);
  free(late);
  return 0;
}

static BOOL PASCAL shim_ConnectEx(SOCKET socket, const struct sockaddr *address, int length,
                                  PVOID data, DWORD data_length, LPDWORD sent,
                                  LPOVERLAPPED overlapped) {
  entry *own = find(socket);
  count(CONNECT);
  int error = !own->bound                    ? WSAEINVAL
              : !is_address(address, length) ? WSAEFAULT
              : faults[NOT_ALLOWED]          ? WSAEACCES
              : faults[DISABLED]             ? WSAEINVAL
              : faults[REFUSED]              ? WSAECONNREFUSED
              : faults[TIMED_OUT]            ? WSAETIMEDOUT
                                             : 0;
  const SOCKADDR_HV *target = (const SOCKADDR_HV *)address;
  if (!error &&
      (is_same(&target->VmId, &HV_GUID_WILDCARD) || is_same(&target->VmId, &HV_GUID_CHILDREN)))
    error = WSAEADDRNOTAVAIL;
  if (error) {
    WSASetLastError(error);
    return FALSE;
  }
  struct sockaddr_in loopback = {.sin_family = AF_INET};
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(socket, (struct sockaddr *)&loopback, sizeof loopback);
  to_loopback(target, &loopback);
  become_client(own, target);
  if (faults[NO_ANSWER]) {
    own->hanging = overlapped;
    WSASetLastError(ERROR_IO_PENDING);
    return FALSE;
  }
  if (faults[LATE]) {
    late_connect *late = malloc(sizeof *late);
    *late = (late_connect){socket, loopback, overlapped};
    CloseHandle(CreateThread(NULL, 0, connect_late, late, 0, NULL));
    WSASetLastError(ERROR_IO_PENDING);
    return FALSE;
  }
  return real_connect_ex(socket, (struct sockaddr *)&loopback, sizeof loopback, data, data_length,
                         sent, overlapped);
}

static LPFN_ACCEPTEX real_accept_ex;

static BOOL PASCAL shim_AcceptEx(SOCKET listener, SOCKET accepted, PVOID names, DWORD data_length,
                                 DWORD local_length, DWORD remote_length, LPDWORD received,
                                 LPOVERLAPPED overlapped) {
  count(ACCEPT);
  // What the real one wants for the longest address of the family.
  if (local_length < sizeof(SOCKADDR_HV) + 16 || remote_length < sizeof(SOCKADDR_HV) + 16) {
    WSASetLastError(WSAEFAULT);
    return FALSE;
  }
  return real_accept_ex(listener, accepted, names, data_length, local_length, remote_length,
                        received, overlapped);
}

static int WSAAPI shim_WSAIoctl(SOCKET socket, DWORD code, LPVOID in, DWORD in_length, LPVOID out,
                                DWORD out_length, LPDWORD returned, LPWSAOVERLAPPED overlapped,
                                LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  static const GUID connect_ex = WSAID_CONNECTEX, accept_ex = WSAID_ACCEPTEX;
  int result =
      WSAIoctl(socket, code, in, in_length, out, out_length, returned, overlapped, routine);
  if (result == SOCKET_ERROR || code != SIO_GET_EXTENSION_FUNCTION_POINTER || !find(socket))
    return result;
  if (is_same(in, &connect_ex)) {
    real_connect_ex = *(LPFN_CONNECTEX *)out;
    *(LPFN_CONNECTEX *)out = shim_ConnectEx;
  } else if (is_same(in, &accept_ex)) {
    real_accept_ex = *(LPFN_ACCEPTEX *)out;
    *(LPFN_ACCEPTEX *)out = shim_AcceptEx;
  }
  return result;
}

static int name_of(SOCKET socket, struct sockaddr *address, int *length, bool is_peer) {
  entry *own = find(socket);
  if (!own)
    return is_peer ? getpeername(socket, address, length) : getsockname(socket, address, length);
  count(NAME);
  struct sockaddr_storage real;
  int real_length = sizeof real;
  if (!is_peer && !own->bound)
    return fail(WSAEINVAL);
  if (is_peer && getpeername(socket, (struct sockaddr *)&real, &real_length) == SOCKET_ERROR)
    return SOCKET_ERROR;
  if (*length < (int)sizeof(SOCKADDR_HV))
    return fail(WSAEFAULT);
  memcpy(address, is_peer ? &own->peer : &own->local, sizeof(SOCKADDR_HV));
  *length = sizeof(SOCKADDR_HV);
  return 0;
}

static int WSAAPI shim_getsockname(SOCKET socket, struct sockaddr *address, int *length) {
  return name_of(socket, address, length, false);
}

static int WSAAPI shim_getpeername(SOCKET socket, struct sockaddr *address, int *length) {
  return name_of(socket, address, length, true);
}

static int WSAAPI shim_getsockopt(SOCKET socket, int level, int name, char *value, int *length) {
  int result = getsockopt(socket, level, name, value, length);
  if (result == 0 && level == SOL_SOCKET && name == SO_PROTOCOL_INFOW && find(socket)) {
    WSAPROTOCOL_INFOW *info = (WSAPROTOCOL_INFOW *)value;
    const GUID provider = {
        0x1234191b, 0x4bf7, 0x4ca7, {0x86, 0xe0, 0xdf, 0xd7, 0xc3, 0x2b, 0x54, 0x45}};
    info->iAddressFamily = AF_HYPERV;
    info->iProtocol = HV_PROTOCOL_RAW;
    info->iMaxSockAddr = info->iMinSockAddr = sizeof(SOCKADDR_HV);
    info->ProviderId = provider;
  }
  return result;
}

static int WSAAPI shim_setsockopt(SOCKET socket, int level, int name, const char *value,
                                  int length) {
  if (!find(socket))
    return setsockopt(socket, level, name, value, length);
  if (level == HV_PROTOCOL_RAW) {
    count(OPTION);
    return length == sizeof(ULONG) ? 0 : fail(WSAEFAULT);
  }
  // There is no Nagle to be turned off.
  if (level == IPPROTO_TCP)
    return fail(WSAENOPROTOOPT);
  // Wine takes a send that is under way for complete when the other side half closes. The large
  // buffers that sockets have under run.sh leave little under way.
  if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF))
    return 0;
  int result = setsockopt(socket, level, name, value, length);
  entry *listener = result == 0 && level == SOL_SOCKET && name == SO_UPDATE_ACCEPT_CONTEXT
                        ? find(*(const SOCKET *)value)
                        : NULL;
  if (listener)
    become_accepted(socket, listener);
  return result;
}

// Leaves of the buffers what a partial send takes.
static void cut(LPWSABUF buffers, DWORD buffer_count) {
  ULONG left = 1000;
  for (DWORD i = 0; i < buffer_count; i++) {
    if (buffers[i].len > left)
      buffers[i].len = left;
    left -= buffers[i].len;
  }
}

static int WSAAPI shim_WSASend(SOCKET socket, LPWSABUF buffers, DWORD buffer_count, LPDWORD sent,
                               DWORD flags, LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  if (faults[PARTIAL] && find(socket))
    cut(buffers, buffer_count);
  return WSASend(socket, buffers, buffer_count, sent, flags, overlapped, routine);
}

static int WSAAPI shim_send(SOCKET socket, const char *data, int length, int flags) {
  return send(socket, data, faults[PARTIAL] && length > 1000 && find(socket) ? 1000 : length,
              flags);
}

static int WSAAPI shim_WSARecv(SOCKET socket, LPWSABUF buffers, DWORD buffer_count,
                               LPDWORD received, LPDWORD flags, LPWSAOVERLAPPED overlapped,
                               LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  bool is_ours = find(socket) != NULL;
  if (is_ours && faults[ZERO_LOST] && overlapped && buffers[0].len == 0)
    return fail(WSAEOPNOTSUPP);
  int result = WSARecv(socket, buffers, buffer_count, received, flags, overlapped, routine);
  if (is_ours && faults[BROKEN_PIPE] && result == 0 && !overlapped && *received == 0)
    return fail(ERROR_BROKEN_PIPE);
  return result;
}

static int WSAAPI shim_recv(SOCKET socket, char *data, int length, int flags) {
  int result = recv(socket, data, length, flags);
  return result == 0 && faults[BROKEN_PIPE] && find(socket) ? fail(ERROR_BROKEN_PIPE) : result;
}

static int WSAAPI shim_closesocket(SOCKET socket) {
  entry *own = find(socket);
  LPOVERLAPPED hanging = own ? own->hanging : NULL;
  if (own)
    count(CLOSE);
  forget(socket);
  int result = closesocket(socket);
  if (hanging)
    SetEvent(hanging->hEvent);
  return result;
}

// --- import tables ---

static const struct {
  const char *name;
  void *replacement;
} replacements[] = {
    {"WSASocketW", shim_WSASocketW},
    {"bind", shim_bind},
    {"listen", shim_listen},
    {"WSAIoctl", shim_WSAIoctl},
    {"getsockname", shim_getsockname},
    {"getpeername", shim_getpeername},
    {"getsockopt", shim_getsockopt},
    {"setsockopt", shim_setsockopt},
    {"WSASend", shim_WSASend},
    {"WSARecv", shim_WSARecv},
    {"send", shim_send},
    {"recv", shim_recv},
    {"closesocket", shim_closesocket},
};

static bool replace(void **slot) {
  HMODULE winsock = GetModuleHandleA("ws2_32.dll");
  for (size_t i = 0; i < COUNT(replacements); i++) {
    DWORD protection;
    if (*slot != (void *)GetProcAddress(winsock, replacements[i].name))
      continue;
    VirtualProtect(slot, sizeof *slot, PAGE_READWRITE, &protection);
    *slot = replacements[i].replacement;
    VirtualProtect(slot, sizeof *slot, protection, &protection);
    return true;
  }
  return false;
}

static int replace_imports(HMODULE module) {
  char *base = (char *)module;
  IMAGE_NT_HEADERS *headers = (IMAGE_NT_HEADERS *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
  IMAGE_IMPORT_DESCRIPTOR *library =
      (IMAGE_IMPORT_DESCRIPTOR *)(base + headers->OptionalHeader.DataDirectory[1].VirtualAddress);
  int replaced = 0;
  for (; library->Name; library++) {
    if (_stricmp(base + library->Name, "ws2_32.dll") != 0)
      continue;
    for (void **slot = (void **)(base + library->FirstThunk); *slot; slot++)
      replaced += replace(slot);
  }
  return replaced;
}

// --- what JavaScript sees ---

static bool take_name(napi_env env, napi_value value, char name[64]) {
  size_t length;
  return napi_get_value_string_utf8(env, value, name, 64, &length) == napi_ok;
}

static napi_value patch(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  napi_value argument, result;
  char name[64];
  napi_get_cb_info(env, info, &argument_count, &argument, NULL, NULL);
  HMODULE module = GetModuleHandleA(take_name(env, argument, name) ? name : NULL);
  napi_create_int32(env, module ? replace_imports(module) : -1, &result);
  return result;
}

static napi_value set_fault(napi_env env, napi_callback_info info) {
  size_t argument_count = 2;
  napi_value arguments[2];
  char name[64] = "";
  bool on = false, known = false;
  napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL);
  take_name(env, arguments[0], name);
  napi_get_value_bool(env, arguments[1], &on);
  for (int i = 0; i < FAULTS; i++) {
    if (strcmp(fault_names[i], name) != 0)
      continue;
    faults[i] = on;
    known = true;
  }
  if (!known)
    napi_throw_error(env, NULL, "no such fault");
  return NULL;
}

static napi_value get_calls(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result, number;
  napi_create_object(env, &result);
  for (int i = 0; i < CALLS; i++) {
    napi_create_int32(env, calls[i], &number);
    napi_set_named_property(env, result, call_names[i], number);
  }
  return result;
}

NAPI_MODULE_INIT() {
  static bool initialized;
  static const struct {
    const char *name;
    napi_callback function;
  } functions[] = {{"patch", patch}, {"setFault", set_fault}, {"calls", get_calls}};
  if (!initialized)
    InitializeCriticalSection(&mutex);
  initialized = true;
  for (size_t i = 0; i < COUNT(functions); i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL,
                         &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}
