#!/bin/sh
# status.sh SYSTEM JOB: prints running, success or failed, which is what Snakemake asks for.
set -u
system=$1
job=${2%%;*} # sbatch --parsable may add ";cluster"

case "$system" in
  slurm)
    state=$(scontrol show job "$job" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')
    [ -n "$state" ] || state=$(sacct -X -n -j "$job" -o State 2>/dev/null | awk '{print $1; exit}')
    case "$state" in
      COMPLETED) echo success ;;
      PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED | RESIZING | STAGE_OUT) echo running ;;
      "") echo running ;; # the controller did not answer: ask again
      *) echo failed ;;
    esac
    ;;
  sge)
    if qstat -j "$job" >/dev/null 2>&1; then
      if qstat | awk -v j="$job" '$1 == j {print $5}' | grep -q E; then echo failed; else echo running; fi
    else
      case "$(qacct -j "$job" 2>/dev/null | awk '/^(exit_status|failed) / {s += $2} END {print NR ? s : "none"}')" in
        0) echo success ;;
        none) echo running ;; # accounting is written a little later
        *) echo failed ;;
      esac
    fi
    ;;
  lsf)
    case "$(bjobs -noheader -a -o stat "$job" 2>/dev/null)" in
      DONE*) echo success ;;
      EXIT* | ZOMBI*) echo failed ;;
      *) echo running ;;
    esac
    ;;
  pbs)
    code=$(qstat -x -f "$job" 2>/dev/null | sed -n 's/ *Exit_status = //p')
    case "$code" in
      "") echo running ;;
      0) echo success ;;
      *) echo failed ;;
    esac
    ;;
  *)
    echo "status.sh: need slurm, sge, lsf or pbs, got $system" >&2
    exit 1
    ;;
esac
