# shellcheck shell=bash disable=SC2154 # what stands above this in the batch script
end=${SLURM_JOB_END_TIME:-$(date -d "$(squeue -h -j "$SLURM_JOB_ID" -o %e)" +%s 2>/dev/null || true)}
export CONDOR_MINI_END="$end"
exec srun --kill-on-bad-exit=0 ${SLURM_CPUS_PER_TASK:+--cpus-per-task="$SLURM_CPUS_PER_TASK"} \
  --output="$here/node-%j-%t.log" bash "$here/node.sh" "$here"
