// The benchmark's C programs: the common other end of every measure, and the rival of the library.
// Plain blocking calls, so that they show what the kernel gives. Any error ends the program.
//
// usage: peer ADDRESS ROLE [COUNT [SIZE]]
// ADDRESS is vsock://CID:PORT, unix:///PATH or firecracker://:52/PATH; on the last, what listens
// answers CONNECT. The roles that listen say "ready" and then serve one connection after another:
//   source   sends COUNT bytes in writes of SIZE      sink    reads to the end
//   echo     sends back what comes                    accept  reads to the end of many short ones
//   hold     keeps every connection open
// Those that connect say "ready", do one round for each line of input and print its seconds:
//   receive  reads to the end, SIZE bytes at a time   send    sends COUNT bytes in writes of SIZE
//   pingpong sends a byte and awaits it, COUNT times  connect connects and closes, COUNT times
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static union {
  struct sockaddr any;
  struct sockaddr_vm vm;
  struct sockaddr_un un;
} address;
static socklen_t address_length;
static long long count = 1;
static size_t size = 65536;
static char *buffer;
static int is_monitor;

static void fail(const char *what) {
  fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long check(long result, const char *what) {
  if (result < 0)
    fail(what);
  return result;
}

static void parse_address(const char *text) {
  unsigned int cid, port;
  if (sscanf(text, "vsock://%u:%u", &cid, &port) == 2) {
    address.vm = (struct sockaddr_vm){.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
    address_length = sizeof address.vm;
  } else if (strncmp(text, "unix://", 7) == 0 || strncmp(text, "firecracker://:52/", 18) == 0) {
    is_monitor = text[0] == 'f';
    const char *path = text + (is_monitor ? 17 : 7);
    if (strlen(path) >= sizeof address.un.sun_path) {
      errno = ENAMETOOLONG;
      fail(path);
    }
    address.un.sun_family = AF_UNIX;
    strcpy(address.un.sun_path, path);
    address_length = sizeof address.un;
  } else {
    errno = EINVAL;
    fail(text);
  }
}

static int open_socket(void) {
  return (int)check(socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
}

static int connect_once(void) {
  int fd = open_socket();
  check(connect(fd, &address.any, address_length), "connect");
  return fd;
}

// What is left to read, thrown away.
static void drain(int fd) {
  while (check(read(fd, buffer, size), "read") > 0)
    ;
}

static void send_all(int fd) {
  for (long long left = count; left > 0;)
    left -= check(write(fd, buffer, left < (long long)size ? (size_t)left : size), "write");
}

// --- the other end ---

static void source(int fd) {
  send_all(fd);
  close(fd);
}

static void sink(int fd) {
  drain(fd);
  close(fd);
}

static void echo(int fd) {
  long length;
  while ((length = check(read(fd, buffer, size), "read")) > 0)
    check(write(fd, buffer, (size_t)length), "write");
  close(fd);
}

static void hold(int fd) { (void)fd; }

// The monitor's side of the handshake. The request comes in one write.
static int accept_one(int listener) {
  int fd = (int)check(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept");
  if (is_monitor) {
    char request[32];
    long length = check(read(fd, request, sizeof request), "read");
    if (length < 1 || request[length - 1] != '\n') {
      errno = EPROTO;
      fail("CONNECT");
    }
    check(write(fd, "OK 1073741824\n", 14), "write");
  }
  return fd;
}

static void serve(void (*serve_one)(int fd)) {
  int listener = open_socket();
  check(bind(listener, &address.any, address_length), "bind");
  check(listen(listener, 4096), "listen");
  puts("ready");
  for (;;)
    serve_one(accept_one(listener));
}

// --- the rival ---

static void receive_round(void) {
  int fd = connect_once();
  drain(fd);
  close(fd);
}

static void send_round(void) {
  int fd = connect_once();
  send_all(fd);
  check(shutdown(fd, SHUT_WR), "shutdown");
  drain(fd);
  close(fd);
}

static void pingpong_round(void) {
  int fd = connect_once();
  for (long long i = 0; i < count; i++) {
    check(write(fd, buffer, 1), "write");
    check(read(fd, buffer, size), "read");
  }
  close(fd);
}

// The last one is seen through to the other side's end: by then that has taken all those before it
// too.
static void connect_round(void) {
  for (long long i = 1; i < count; i++)
    close(connect_once());
  int fd = connect_once();
  check(shutdown(fd, SHUT_WR), "shutdown");
  drain(fd);
  close(fd);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void run_rounds(void (*run_one)(void)) {
  char line[64];
  puts("ready");
  while (fgets(line, sizeof line, stdin)) {
    double start = now();
    run_one();
    printf("%.9f\n", now() - start);
  }
}

// --- the choice ---

static const struct {
  const char *name;
  void (*serve_one)(int fd);
  void (*run_one)(void);
} roles[] = {
    {"source", source, NULL},
    {"sink", sink, NULL},
    {"echo", echo, NULL},
    {"accept", sink, NULL},
    {"hold", hold, NULL},
    {"receive", NULL, receive_round},
    {"send", NULL, send_round},
    {"pingpong", NULL, pingpong_round},
    {"connect", NULL, connect_round},
};

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  // Not to be left behind by a benchmark that was killed.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc < 3) {
    fputs("usage: peer ADDRESS ROLE [COUNT [SIZE]]\n", stderr);
    return 2;
  }
  parse_address(argv[1]);
  if (argc > 3)
    count = atoll(argv[3]);
  if (argc > 4)
    size = (size_t)atoll(argv[4]);
  buffer = calloc(1, size);
  if (!buffer)
    fail("calloc");
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
    if (strcmp(argv[2], roles[i].name) != 0)
      continue;
    if (roles[i].run_one)
      run_rounds(roles[i].run_one);
    else
      serve(roles[i].serve_one);
    return 0;
  }
  fprintf(stderr, "peer: no role %s\n", argv[2]);
  return 2;
}
