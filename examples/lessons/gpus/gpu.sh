#!/bin/sh
# Says which GPUs HTCondor has given to the job.
echo "$(hostname) has given me $CUDA_VISIBLE_DEVICES"
