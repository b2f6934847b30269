# What the lab's scripts share: the options, the control folder, one virtual machine's life and
# its end. Sourced, on the machine and inside the outer guest of a pair.
#
# The control folder is how a guest is told what to do and how it answers. In it, for the guest:
# `command` (bash), `modules` (to load first, QEMU only), `share` (the folder to mount and work in), `name`
# (its host name); from the guest: `started` (made when the command starts) and `status`.

# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by the scripts

lab=${HVSOCK_LAB:-${XDG_CACHE_HOME:-$HOME/.cache}/hvsock-lab}
subject=lab
made_of='the lab makes its kernels'
root_for='the lab mounts the whole machine into its guests'
# shellcheck source-path=SCRIPTDIR source=../shell/machine.sh
. "$(dirname "${BASH_SOURCE[0]}")/../shell/machine.sh"

# kernel_folder uml|qemu: where build.sh leaves that kernel. Its name holds a digest of what it is
# made with, so that it is made anew after a change, and two checkouts can share the cache.
kernel_folder() {
  local here digest
  here=$(dirname "${BASH_SOURCE[0]}")
  digest=$(cat "$here/build.sh" "$here/init-qemu.sh" "$here/xstate.c" | sha256sum | cut -c 1-12)
  printf '%s/%s-%s\n' "$lab" "$1" "$digest"
}

# read_options LETTERS ARGUMENT…: sets the variables below and `arguments`, what is left.
memory=1024 limit=600 share=$PWD cpus=2 accel='' doomed=no arguments=()
read_options() {
  local letters=$1 letter
  shift
  while getopts ":$letters" letter; do
    case $letter in
      m) memory=$OPTARG ;;
      t) limit=$OPTARG ;;
      s) share=$OPTARG ;;
      c) cpus=$OPTARG ;;
      a) accel=$OPTARG ;;
      x) doomed=yes ;;
      *) usage_error ;;
    esac
  done
  shift $((OPTIND - 1))
  arguments=("$@")
  [ ${#arguments[@]} -gt 0 ] || usage_error
  [[ $memory,$limit,$cpus,$accel =~ ^[0-9]+,[0-9]+,[0-9]+,(kvm|tcg|)$ ]] || usage_error
  share=$(realpath -- "$share")
  if [ ! -d "$share" ] || [ "$share" = / ]; then
    say '-s needs a folder other than /'
    usage_error
  fi
}

# command_text SHARE ARGUMENT…: the bash text that the guest runs. One argument is bash's own text;
# several are a program and its arguments, passed exactly.
command_text() {
  local name
  for name in PATH HOME ${VM_ENV:-}; do
    [ -z "${!name+set}" ] || printf 'export %s=%q\n' "$name" "${!name}"
  done
  printf 'cd %q || exit\n' "$1"
  shift
  if [ $# = 1 ]; then printf '%s\n' "$1"; else printf '%q ' "$@" && echo; fi
}

# Everything that must not outlive the script: its jobs, each in a process group of its own, and
# its temporary folder, where the control folder is.
control='' jobs=() reader=''
begin() {
  control=$(mktemp -d "${TMPDIR:-/tmp}/hvsock-lab.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

cleanup() {
  trap '' INT TERM HUP
  exec 2>/dev/null # bash tells of each job it sees killed
  local job
  for job in "${jobs[@]}"; do kill -KILL -- "-$job"; done
  wait
  rm -rf "$control"
}

# job COMMAND…: starts it in the background in its own process group, so that it can be killed with
# all its descendants and Ctrl-C reaches the script alone. Should the script itself be killed by
# SIGKILL, the job gets SIGTERM, upon which User-Mode Linux ends its helpers too.
job() {
  set -m
  setpriv --pdeathsig TERM -- "$@" </dev/null &
  set +m
  jobs+=($!)
}

# run_guest CONSOLE COMMAND…: runs a virtual machine whose standard output is what its command
# writes, streams that, and returns the command's status, or 125 if none came back.
run_guest() {
  local console=$1 reader machine timer ended ending
  shift
  mkfifo "$control/output"
  job cat "$control/output"
  reader=$!
  job "$@" >"$control/output" 2>>"$console"
  machine=$!
  job sleep "$limit"
  timer=$!
  {
    wait -n -p ended "$machine" "$timer"
    ending=$?
    kill -KILL -- "-$machine" "-$timer"
    wait "$machine" "$timer" "$reader"
  } 2>/dev/null # bash tells of each job it sees killed
  jobs=()
  if [ -s "$control/status" ]; then return "$(cat "$control/status")"; fi
  # Not a command's output, so it does not go where that goes.
  {
    if [ "$ended" = "$timer" ]; then
      echo "$script: no status came back within $limit s (-t); the end of the console:"
    else
      # 128 and more: a signal, 139 for example is SIGSEGV.
      echo "$script: no status came back, $1 ended with $ending; the end of the console:"
    fi
    tail -n 30 "$console" | tr -d '\r'
  } >&2
  return 125
}

# accelerator: kvm where it is real. A /dev/kvm without vmx or svm is a paravirtual one, which
# interprets a stock kernel, far slower than TCG does.
accelerator() {
  if grep -qE ' (vmx|svm) ' /proc/cpuinfo && [ -w /dev/kvm ]; then echo kvm; else echo tcg; fi
}

# qemu_guest kvm|tcg KERNEL CONTROL-FOLDER CONSOLE: sets `qemu` to the command line of a
# guest that has the machine's / read-only, the shared folder and the control folder.
qemu_guest() {
  local cpu append='console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on'
  # TCG runs `rep movs` one element a turn: without it the kernel copies ten times faster. So too
  # where TCG is under KVM, in the inner guest of a pair.
  append+=' clearcpuid=rep_good'
  case $1 in
    kvm) cpu=(-enable-kvm -cpu 'host,-arch-capabilities') ;;
    tcg) cpu=(-accel 'tcg,thread=multi' -cpu 'max,-erms,-fsrm') append+=' nopti' ;;
    *) usage_error ;;
  esac
  local folder=security_model=none,multidevs=remap
  # shellcheck disable=SC2054 # QEMU's commas
  qemu=(qemu-system-x86_64 "${cpu[@]}" -smp "$cpus" -m "$memory"
    -nodefaults -no-user-config -display none -no-reboot
    -kernel "$2" -initrd "$(dirname "$2")/initrd" -append "$append"
    -virtfs "local,path=/,mount_tag=root,readonly=on,$folder"
    -virtfs "local,path=${share//,/,,},mount_tag=share,$folder"
    -virtfs "local,path=${3//,/,,},mount_tag=control,$folder"
    # append: QEMU's own complaints go there too
    -chardev "file,id=console,path=${4//,/,,},append=on" -serial chardev:console
    -device virtio-serial -chardev file,id=output,path=/dev/stdout -device virtserialport,chardev=output,name=output)
}
