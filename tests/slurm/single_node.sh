#!/usr/bin/env bash
# A real Slurm of one node for tests: no systemd, no cgroups, no database. Debian or Ubuntu, as root. Idempotent.
#
#   single_node.sh up [--gpus N] [--cpus N] [--mem-mb N]   install what is missing, (re)start, wait for an idle node
#   single_node.sh node-down | node-up                     the node's daemon dies, and comes back
#   single_node.sh down                                    stop what this script started
#
# Configuration lies in $SLURM_TEST_STATE (default /var/tmp/photo51-slurm). Inside jobs Snakemake's plugin takes SLURM_CONF
# out of the environment, so that /etc/slurm/slurm.conf is a link to it while the cluster is up; where another Slurm is set
# up already, nothing is touched. Exit code 77: cannot be had here.
set -euo pipefail
STATE=${SLURM_TEST_STATE:-/var/tmp/photo51-slurm}
export SLURM_CONF=$STATE/slurm.conf
GPUS=2 CPUS=4 MEM_MB="" COMMAND=${1:-up}
shift || true
while [ $# -gt 0 ]; do
  case "$1" in
    --gpus) GPUS=$2 ;;
    --cpus) CPUS=$2 ;;
    --mem-mb) MEM_MB=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
HOST=$(hostname -s)
: "${MEM_MB:=$(($(awk '/MemTotal/{print $2}' /proc/meminfo) / 1024 * 8 / 10))}"

say() { printf 'single_node: %s\n' "$*" >&2; }
wait_for() { # seconds, what, command...
  local n=$(($1 * 5)) what=$2
  shift 2
  for _ in $(seq "$n"); do "$@" >/dev/null 2>&1 && return 0; sleep 0.2; done
  say "waited in vain for $what"
  return 1
}
# a process counts as ours only while /proc says that the pid in our file is that program
alive() { [ -s "$1" ] && grep -qa "$2" "/proc/$(cat "$1")/cmdline" 2>/dev/null; }
stop() { # pid file, program
  if alive "$1" "$2"; then
    local pid
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}

install_packages() {
  command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return 0
  command -v apt-get >/dev/null || { say "need slurmctld, slurmd, munged, or apt-get to install them"; exit 77; }
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends slurm-wlm munge; } \
    >"$STATE/apt.log" 2>&1 || { say "slurm-wlm and munge could not be installed, see $STATE/apt.log"; exit 77; }
}

start_munge() {
  if munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then return 0; fi
  install -d -o munge -g munge -m 0755 /run/munge
  install -d -o munge -g munge -m 0700 /etc/munge /var/lib/munge /var/log/munge
  [ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 status=none
  chown munge:munge /etc/munge/munge.key
  chmod 0400 /etc/munge/munge.key
  runuser -u munge -- /usr/sbin/munged --force --pid-file /run/munge/munged.pid
  wait_for 10 munged bash -c 'munge -n | unmunge'
  cp /run/munge/munged.pid "$STATE/munged.pid"
}

link_configuration() {
  mkdir -p /etc/slurm
  for name in slurm.conf gres.conf; do
    if [ -e "/etc/slurm/$name" ] && [ "$(readlink -f "/etc/slurm/$name")" != "$(readlink -f "$STATE/$name")" ]; then
      say "another Slurm is set up in /etc/slurm"
      exit 77
    fi
    ln -sfn "$STATE/$name" "/etc/slurm/$name"
  done
}
unlink_configuration() {
  for name in slurm.conf gres.conf; do
    if [ "$(readlink "/etc/slurm/$name" 2>/dev/null)" = "$STATE/$name" ]; then rm "/etc/slurm/$name"; fi
  done
}

configure() {
  mkdir -p "$STATE/spool" "$STATE/state"
  local gres=""
  : >"$STATE/gres.conf"
  if [ "$GPUS" -gt 0 ]; then
    # Slurm wants a character device for each GPU and sets CUDA_VISIBLE_DEVICES only then: twins of /dev/null
    for i in $(seq 0 $((GPUS - 1))); do
      [ -c "$STATE/fakegpu$i" ] || { rm -f "$STATE/fakegpu$i"; mknod "$STATE/fakegpu$i" c 1 3; }
    done
    gres="Gres=gpu:fake:$GPUS"
    echo "NodeName=$HOST Name=gpu Type=fake File=$STATE/fakegpu[0-$((GPUS - 1))]" >"$STATE/gres.conf"
  fi
  cat >"$SLURM_CONF" <<CONF
ClusterName=photo51test
SlurmctldHost=$HOST(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
ReturnToService=2
SlurmdParameters=config_overrides
SlurmctldTimeout=30
SlurmdTimeout=10
KillWait=3
MinJobAge=86400
SwitchType=switch/none
StateSaveLocation=$STATE/state
SlurmdSpoolDir=$STATE/spool
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.log
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/filetxt
JobCompLoc=$STATE/jobs.log
DefMemPerCPU=256
GresTypes=gpu
AccountingStorageType=accounting_storage/none
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=$MEM_MB $gres State=UNKNOWN
PartitionName=cpu Nodes=$HOST Default=YES MaxTime=UNLIMITED State=UP
PartitionName=gpu Nodes=$HOST MaxTime=UNLIMITED State=UP
CONF
}

start_node() {
  slurmd -f "$SLURM_CONF" "$@" 2>>"$STATE/slurmd.err"
  wait_for 30 "an idle node" bash -c 'sinfo -h -N -o %t | grep -Eqx "idle|mix|alloc"'
}

case "$COMMAND" in
  up)
    [ "$(id -u)" = 0 ] || { say "needs root"; exit 77; }
    mkdir -p "$STATE"
    install_packages
    configure
    link_configuration
    start_munge
    stop "$STATE/slurmd.pid" slurmd
    stop "$STATE/slurmctld.pid" slurmctld
    slurmctld -c -f "$SLURM_CONF" 2>>"$STATE/slurmctld.err"
    wait_for 20 slurmctld scontrol ping
    start_node -c
    timeout 30 srun -N1 -n1 --mem=64 true
    sinfo >&2
    ;;
  node-down) stop "$STATE/slurmd.pid" slurmd ;;
  node-up) start_node ;;
  down)
    stop "$STATE/slurmd.pid" slurmd
    stop "$STATE/slurmctld.pid" slurmctld
    stop "$STATE/munged.pid" munged
    unlink_configuration
    ;;
  *) echo "usage: $0 up|node-down|node-up|down" >&2; exit 2 ;;
esac
