#!/usr/bin/env bash
# Run a command where a SLURM of its own can be started: tests/slurm/inside.sh pytest tests/slurm
#
# Needs root on Debian or Ubuntu: SLURM's packages are installed if they are missing, and /etc/slurm is replaced by an empty
# folder for this command and what it starts, in a private mount namespace. The host's own /etc/slurm is neither read nor
# written. Where that cannot be had, says so: exit 3, or 0 with --if-possible.
set -euo pipefail

if_possible=false
if [ "${1:-}" = --if-possible ]; then
    if_possible=true
    shift
fi

cannot() {
    echo "SLURM TESTS NOT RUN: $1" >&2
    if $if_possible; then exit 0; else exit 3; fi
}

[ "$(id -u)" = 0 ] || cannot "they need root, to mount a folder over /etc/slurm and to make stand-ins for GPUs"
unshare --mount --propagation private sh -c 'mount -t tmpfs none /mnt && mknod /mnt/null c 1 3' 2> /dev/null \
    || cannot "this machine does not let root mount folders of its own and make device files"
# A SLURM that is really used is none of these tests' business.
for daemon in slurmctld slurmd; do
    if pgrep -x "$daemon" > /dev/null; then cannot "$daemon is running here: this machine is part of a cluster"; fi
done
for name in "${!SLURM_@}" "${!SBATCH_@}" "${!SQUEUE_@}" "${!SINFO_@}" "${!SCONTROL_@}"; do unset "$name"; done

missing=()
for program in slurmctld slurmd munged squeue; do
    command -v "$program" > /dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get > /dev/null || cannot "there is no ${missing[*]}, and no apt-get to install it with"
    echo "Installing slurmctld, slurmd, slurm-client and munge" >&2
    # A fresh machine has no list of packages yet.
    apt-get update -qq || cannot "apt-get update failed"
    # Debian starts what it installs, unless this file says no; there may be one already.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' > $policy
        chmod 755 $policy
        trap 'rm -f $policy' EXIT
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends slurmctld slurmd slurm-client munge \
        > /dev/null || cannot "the packages of SLURM could not be installed"
    if [ -n "$(trap -p EXIT)" ]; then rm -f $policy; fi
fi

# Other builds read other folders than /etc/slurm, some of a real cluster.
for program in slurmctld slurmd srun; do
    dpkg -S "$(readlink -f "$(command -v "$program")")" > /dev/null 2>&1 || cannot "$program is not Debian's"
done

folder=$(mktemp -d /tmp/drl-slurm-XXXXXX)
chmod 711 "$folder"  # munged wants every user to reach its socket
end() {
    # Whatever the command left running, also when it was killed.
    for file in "$folder"/root/*.pid; do
        if [ -s "$file" ]; then kill -9 "$(cat "$file")" 2> /dev/null || true; fi
    done
    rm -rf "$folder"
}
trap end EXIT
mkdir -p /etc/slurm "$folder/etc"
export DRL_SLURM_TEST=$folder SLURM_CONF=/etc/slurm/slurm.conf
unshare --mount --propagation private bash -c 'mount --bind "$DRL_SLURM_TEST/etc" /etc/slurm && exec "$@"' bash "$@"
