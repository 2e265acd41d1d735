#!/bin/sh
echo "Hello from job $1 on $(hostname), as $(id -un)"
