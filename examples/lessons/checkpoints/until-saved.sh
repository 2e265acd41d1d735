#!/bin/sh
# Waits until the job in the queue has saved a checkpoint, a minute at most: until HTCondor has written to the event log
# that it has fetched a file of the job.
log=$(condor_q -constraint 'SuccessCheckpointExitCode == 85' -af UserLog)
for _ in $(seq 240); do
  if grep -q 'Finished transferring output files' "$log"; then
    echo "A checkpoint is saved."
    exit 0
  fi
  sleep 0.25
done
echo "The job has saved no checkpoint." >&2
exit 1
