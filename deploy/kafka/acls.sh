#!/bin/sh
# Lets each user do what its role needs, and nothing is taken away: wardpulse acls check says what is too much.
# BOOTSTRAP: addresses of the brokers, HOST:PORT. COMMAND_CONFIG: file of settings of an administrator's client.
# kafka-acls.sh, which comes with Kafka, must be in the path.
set -eu
: "${BOOTSTRAP:?}" "${COMMAND_CONFIG:?}"

allow() {
    kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$COMMAND_CONFIG" --add "$@"
}

allow --allow-principal User:auditor --operation Describe --group wardpulse-worker --group wardpulse-writer
allow --allow-principal User:auditor --operation DescribeConfigs --topic wellbeing.cohorts.v1 --topic wellbeing.deadletters.v1 --topic wellbeing.indicators.v1 --topic wellbeing.manifests.v1 --topic wellbeing.rounds.v1 --topic wellbeing.submissions.v1
allow --allow-principal User:auditor --operation Read --topic wellbeing.cohorts.v1 --topic wellbeing.deadletters.v1 --topic wellbeing.indicators.v1 --topic wellbeing.manifests.v1 --topic wellbeing.rounds.v1 --topic wellbeing.submissions.v1
allow --allow-principal User:coordinator --operation Read --topic wellbeing.cohorts.v1 --topic wellbeing.deadletters.v1 --topic wellbeing.rounds.v1 --topic wellbeing.submissions.v1
allow --allow-principal User:coordinator --operation Write --topic wellbeing.submissions.v1
allow --allow-principal User:producer --operation Read --topic wellbeing.rounds.v1
allow --allow-principal User:producer --operation Write --topic wellbeing.submissions.v1
allow --allow-principal User:viewer --operation Read --topic wellbeing.cohorts.v1 --topic wellbeing.indicators.v1
allow --allow-principal User:worker --operation Read --group wardpulse-worker
allow --allow-principal User:worker --operation Read --topic wellbeing.cohorts.v1 --topic wellbeing.deadletters.v1 --topic wellbeing.rounds.v1 --topic wellbeing.submissions.v1
allow --allow-principal User:worker --operation Write --topic wellbeing.cohorts.v1 --topic wellbeing.deadletters.v1 --topic wellbeing.indicators.v1 --topic wellbeing.manifests.v1 --topic wellbeing.rounds.v1
allow --allow-principal User:writer --operation Read --group wardpulse-writer
allow --allow-principal User:writer --operation Read --topic wellbeing.cohorts.v1 --topic wellbeing.indicators.v1
allow --allow-principal User:writer --operation Write --topic wellbeing.deadletters.v1
