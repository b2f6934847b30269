// Windows resolves an import by the name of the program that it is to come from, "node.exe", and
// that is not what every program with Node in it is called. So these imports are resolved at their
// first use, and from whatever program this is.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <delayimp.h>
#include <string.h>

static FARPROC WINAPI delay_on_event(unsigned event, PDelayLoadInfo info) {
  if (event == dliNotePreLoadLibrary && strcmp(info->szDll, "node.exe") == 0)
    return (FARPROC)(void *)GetModuleHandleW(NULL);
  return NULL;
}

// Called by the linker's helper, by this name.
PfnDliHook __pfnDliNotifyHook2 = delay_on_event;
