// The benchmark's relay in C, the rival of relay(): two threads for each connection, which read and
// write with one buffer each, or splice() with one pipe each. Any error ends the program.
//
// usage: relay unix:///PATH vsock://CID:PORT SIZE [splice]
// Says "ready", then carries each connection at PATH to CID:PORT and back.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct {
  int from;
  int to;
} direction;

static size_t size;
static bool is_spliced;

static long check(long result, const char *what) {
  if (result < 0) {
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
  }
  return result;
}

static void carry_by_copying(int from, int to) {
  char *buffer = malloc(size);
  long length;
  while ((length = check(read(from, buffer, size), "read")) > 0)
    for (long sent = 0; sent < length;)
      sent += check(write(to, buffer + sent, (size_t)(length - sent)), "write");
  free(buffer);
}

static void carry_by_splicing(int from, int to) {
  int ends[2];
  long length;
  check(pipe(ends), "pipe");
  check(fcntl(ends[1], F_SETPIPE_SZ, (int)size), "F_SETPIPE_SZ");
  while ((length = check(splice(from, NULL, ends[1], NULL, size, SPLICE_F_MOVE), "splice in")) > 0)
    for (long sent = 0; sent < length;)
      sent += check(splice(ends[0], NULL, to, NULL, (size_t)(length - sent), SPLICE_F_MOVE),
                    "splice out");
  close(ends[0]);
  close(ends[1]);
}

static void *carry(void *data) {
  direction *way = data;
  (is_spliced ? carry_by_splicing : carry_by_copying)(way->from, way->to);
  shutdown(way->to, SHUT_WR);
  return NULL;
}

static void *serve(void *data) {
  direction *forward = data;
  direction backward = {forward->to, forward->from};
  pthread_t thread;
  check(-pthread_create(&thread, NULL, carry, &backward), "pthread_create");
  carry(forward);
  pthread_join(thread, NULL);
  close(forward->from);
  close(forward->to);
  free(forward);
  return NULL;
}

int main(int argc, char **argv) {
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  struct sockaddr_vm target = {.svm_family = AF_VSOCK};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  is_spliced = argc == 5 && strcmp(argv[4], "splice") == 0;
  if (argc != 4 + is_spliced || sscanf(argv[1], "unix://%107s", path.sun_path) != 1 ||
      sscanf(argv[2], "vsock://%u:%u", &target.svm_cid, &target.svm_port) != 2) {
    fputs("usage: relay unix:///PATH vsock://CID:PORT SIZE [splice]\n", stderr);
    return 2;
  }
  size = (size_t)atoll(argv[3]);
  int listener = (int)check(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  check(bind(listener, (struct sockaddr *)&path, sizeof path), "bind");
  check(listen(listener, 4096), "listen");
  puts("ready");
  fflush(stdout);
  for (;;) {
    direction *forward = malloc(sizeof *forward);
    pthread_t thread;
    forward->from = (int)check(accept(listener, NULL, NULL), "accept");
    forward->to = (int)check(socket(AF_VSOCK, SOCK_STREAM, 0), "socket");
    check(connect(forward->to, (struct sockaddr *)&target, sizeof target), "connect");
    check(-pthread_create(&thread, NULL, serve, forward), "pthread_create");
    pthread_detach(thread);
  }
}
