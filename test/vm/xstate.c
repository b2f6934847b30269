// Preloaded into User-Mode Linux, so that it runs on processors with AMX. It sets the extended
// registers of its processes from a buffer of a fixed size, and Linux takes only whole sets
// (xstateregs_set in arch/x86/kernel/fpu/regset.c), which are larger there: EFAULT, and a panic at
// the first process. This completes them with what the process has.
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// AMX needs 11,008 bytes. Static: a kernel's stack has not that much.
static char whole[65536];

long ptrace(enum __ptrace_request request, ...) {
  va_list arguments;
  va_start(arguments, request);
  pid_t process = va_arg(arguments, pid_t);
  void *address = va_arg(arguments, void *);
  void *data = va_arg(arguments, void *);
  va_end(arguments);

  if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
    // The library returns the word; the system call stores it.
    long word = -1;
    if (syscall(SYS_ptrace, request, process, address, &word) == 0)
      errno = 0;
    return word;
  }
  struct iovec all = {whole, sizeof whole};
  struct iovec *given = data;
  if (request == PTRACE_SETREGSET && address == (void *)NT_X86_XSTATE &&
      syscall(SYS_ptrace, PTRACE_GETREGSET, process, address, &all) == 0 &&
      all.iov_len > given->iov_len) {
    memcpy(whole, given->iov_base, given->iov_len);
    data = &all;
  }
  return syscall(SYS_ptrace, request, process, address, data);
}
