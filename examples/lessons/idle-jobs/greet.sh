#!/bin/sh
echo "Hello from $(hostname)"
