#!/bin/bash
# One job a participant, then one for the group. Copy, set the lines below, and submit:
#   bash sbatch_array.sh
# Further arguments go to every `lumirage … participant`, for example --methods greedy syn --save transforms.
set -euo pipefail
: "${BIDS:=/data/bids}" "${OUT:=/data/out}"
: "${LUMIRAGE:=lumirage}"                                     # or: apptainer run --bind … lumirage.sif
: "${EACH:=--cpus-per-task=2 --mem=8G --time=04:00:00}"       # what one participant's job asks for
: "${JOBS:=1000}"                                             # at most so many; SLURM's MaxArraySize is 1001 as it comes

[[ " $* " != *" --participant-label "* ]] || { echo "The array gives each job its --participant-label; leave it out." >&2; exit 64; }

# The subjects that the protocol pairs: those whose files a run reads.
files=$($LUMIRAGE "$BIDS" "$OUT" participant --dry-run --print-needed-files "$@")
mapfile -t subjects < <(sed -nE 's#^(.*/)?sub-([^/]+)/.*#\2#p' <<< "$files" | sort -u)
jobs=$((${#subjects[@]} < JOBS ? ${#subjects[@]} : JOBS))

submit() { sbatch --parsable $EACH "$@"; }
run="$LUMIRAGE ${BIDS@Q} ${OUT@Q}"
more="--nprocs 1 --omp-nthreads \${SLURM_CPUS_PER_TASK:-1} ${*@Q}"

# Prepared once by one job; the array then finds everything there, or that a scan could not be prepared (exit code 1).
prepare=$(submit --job-name=lumirage-prepare --output=lumirage-%j.out <<EOF
#!/bin/bash
$run participant --stage prepare $more
EOF
)
# Job 0 of 4 does subjects 0, 4, 8 … A subject may only be a fixed one: there is nothing to do then (exit code 18).
array=$(submit --job-name=lumirage --dependency=afterany:"${prepare%%;*}" --array=0-$((jobs - 1)) --output=lumirage-%A_%a.out <<EOF
#!/bin/bash
subjects=(${subjects[*]@Q})
mine=()
for ((i = SLURM_ARRAY_TASK_ID; i < ${#subjects[@]}; i += $jobs)); do mine+=("\${subjects[i]}"); done
$run participant --participant-label "\${mine[@]}" $more || { code=\$?; [ \$code -eq 18 ] || exit \$code; }
EOF
)
# Some pairs may have failed (exit code 1): the group level tells of them.
submit --job-name=lumirage-group --dependency=afterany:"${array%%;*}" --output=lumirage-%j.out <<EOF
#!/bin/bash
$run group
EOF
