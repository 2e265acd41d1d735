# Input: the output of `wc -l FILES` at the start, an empty line, the output of `tail -F FILES`.
# Output: each line that is newer than that count, behind the name of the daemon that wrote it.

!following && NF == 0 { following = 1; next }
!following { seen[$2] = $1; next }

/^==> .* <==$/ {
  file = substr($0, 5, length($0) - 8)
  daemon = file
  sub(/^.*\//, "", daemon)
  sub(/\.?[Ll]og$/, "", daemon)
  daemon = tolower(daemon)
  if (daemon == "sched") daemon = "schedd"
  if (daemon == "start") daemon = "startd"
  if (daemon == "slottype1") daemon = "starter"
  if (daemon == "proc") daemon = "procd"
  if (daemon == "sharedport") daemon = "shared_port"
  next
}

NF == 0 { next }
seen[file] > 0 { seen[file]--; next }
{ print daemon ": " $0 }
