#!/bin/bash
# One job a participant, then one for the group. Copy, set the three lines below, and submit:
#   bash sbatch_array.sh
# Further arguments go to every `lumirage … participant`, for example --methods greedy syn --save transforms.
set -euo pipefail
: "${BIDS:=/data/bids}" "${OUT:=/data/out}"
: "${LUMIRAGE:=lumirage}"                                     # or: apptainer run --bind … lumirage.sif
: "${EACH:=--cpus-per-task=2 --mem=8G --time=04:00:00}"       # what one participant's job asks for

mapfile -t subjects < <(find "$BIDS" -maxdepth 1 -name 'sub-*' -printf '%f\n' | sort)
[ ${#subjects[@]} -gt 0 ] || { echo "no sub-* in $BIDS" >&2; exit 66; }

# What sbatch wraps is run by /bin/sh: no bash arrays within.
run="$LUMIRAGE ${BIDS@Q} ${OUT@Q}"
more="--nprocs 1 --omp-nthreads \${SLURM_CPUS_PER_TASK:-1} ${*@Q}"

# Prepared once by one job; the array then finds everything there, or that a scan could not be prepared (exit code 1).
prepare=$(sbatch --parsable --job-name=lumirage-prepare $EACH --output=lumirage-%j.out --wrap \
    "$run participant --stage prepare $more")
array=$(sbatch --parsable --job-name=lumirage --dependency=afterany:"$prepare" $EACH \
    --array=0-$((${#subjects[@]} - 1)) --output=lumirage-%A_%a.out --wrap \
    "set -- ${subjects[*]}; shift \$SLURM_ARRAY_TASK_ID; $run participant --participant-label \$1 $more")
# Some pairs may have failed (exit code 1): the group level tells of them.
sbatch --parsable --job-name=lumirage-group --dependency=afterany:"$array" $EACH --output=lumirage-%j.out --wrap \
    "$run group"
