#!/bin/bash
# One job that prepares all scans, one for each participant, one for the group. Set the lines below, and submit:
#   lumirage sbatch > sbatch_array.sh; bash sbatch_array.sh
# Further arguments go to every `lumirage … participant`, for example --methods greedy syn --save transforms.
# Give it again when the jobs have ended: it submits what is left.
set -euo pipefail
: "${BIDS:=/data/bids}" "${OUT:=/data/out}"
: "${LUMIRAGE:=lumirage}"                                        # or: apptainer run --bind … lumirage.sif
: "${PREPARE:=--cpus-per-task=4 --mem=20G --time=12:00:00}"      # what the job asks for that prepares all scans,
: "${EACH:=--cpus-per-task=2 --mem=8G --time=04:00:00}"          # each participant's,
: "${GROUP:=--cpus-per-task=1 --mem=8G --time=02:00:00}"         # and the group's
: "${JOBS:=1000}"                                                # at most so many; SLURM's MaxArraySize is 1001 as it comes

[[ ! " $*" =~ " --"(participant[-_]label|only)[\ =] ]] ||
    { echo "The array gives each job its --participant-label; leave it and --only out." >&2; exit 64; }

# Only subjects that have something to do get a job: those that the protocol pairs, whose scans are here.
code=0
work=$($LUMIRAGE "$BIDS" "$OUT" participant --dry-run --print-work "$@") || code=$?
((code < 2)) || exit "$code" # 1: some pairs cannot be scored; above, the array would be refused
scans=0 subjects=()
while IFS=$'\t' read -r what name; do
    case $what in
        prepare | align) scans=$((scans + 1)) ;;
        register | compose) subjects+=("$name") ;;
    esac
done <<< "$work"
jobs=$((${#subjects[@]} < JOBS ? ${#subjects[@]} : JOBS))

submit() { local number; number=$(sbatch --parsable --output=lumirage-%j.out "$@"); after="--dependency=afterany:${number%%;*}"; }
run="$LUMIRAGE ${BIDS@Q} ${OUT@Q}"
after=

if ((scans)); then
    # Prepared once by one job; the array then finds everything there, or that a scan could not be prepared (exit code 1).
    submit $PREPARE --job-name=lumirage-prepare <<EOF
#!/bin/bash
$run participant --stage prepare --nprocs \${SLURM_CPUS_PER_TASK:-1} --omp-nthreads 1 \
    \${SLURM_MEM_PER_NODE:+--mem \$((SLURM_MEM_PER_NODE / 1000))} ${*@Q}
EOF
fi
if ((jobs)); then
    # Job 0 of 4 does subjects 0, 4, 8 …
    submit $EACH --job-name=lumirage $after --array=0-$((jobs - 1)) --output=lumirage-%A_%a.out <<EOF
#!/bin/bash
subjects=(${subjects[*]@Q})
mine=()
for ((i = SLURM_ARRAY_TASK_ID; i < ${#subjects[@]}; i += $jobs)); do mine+=("\${subjects[i]}"); done
$run participant --participant-label "\${mine[@]}" --nprocs 1 --omp-nthreads \${SLURM_CPUS_PER_TASK:-1} ${*@Q}
EOF
fi
# Some pairs may have failed (exit code 1): the group level tells of them.
submit $GROUP --job-name=lumirage-group $after <<EOF
#!/bin/bash
$run group
EOF
echo "The last job is ${after##*:}."
