#!/bin/sh
# Prints the files of ../prometheus with rules and alerts as PrometheusRules for the Prometheus
# operator; kustomize cannot nest a file in a resource.
# Usage: prometheus-rules.sh [HELM_RELEASE] | kubectl apply -n NAMESPACE -f -
set -eu
release=${1:-}
folder=$(CDPATH='' cd -- "$(dirname -- "$0")/../prometheus" && pwd)
for rules in recording alerts; do
  cat << HEAD
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: echogw-$rules
  labels:
    app.kubernetes.io/name: echogw
HEAD
  # kube-prometheus-stack selects by this label.
  [ -z "$release" ] || printf '    release: %s\n' "$release"
  printf 'spec:\n'
  sed 's/^\(.\)/  \1/' "$folder/$rules.yml"
done
