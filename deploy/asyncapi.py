"""The topics as an AsyncAPI 3 document: who may send and receive which events, as it is set up by this code.

https://www.asyncapi.com/docs/reference/specification/v3.1.0, with the bindings of Kafka.
"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

from deploy.roles import ROLES, Role
from schemas.cloudevents import schema_id
from schemas.topics import PARTITIONS, TOPICS, TopicSpec

VERSION: Final = "3.1.0"
_BINDING: Final = "0.5.0"
_DAY_MILLISECONDS: Final = 86_400_000
_HEADERS: Final = {
    "type": "object",
    "description": "CloudEvents in binary mode. There is no time: the instant of an answer would identify the person.",
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_type": {"type": "string", "description": "The event's type."},
        "ce_source": {"type": "string", "format": "uri-reference"},
        "ce_id": {"type": "string", "format": "uuid", "description": "Equal for a record that is sent again."},
        "ce_dataschema": {"type": "string", "format": "uri"},
        "content-type": {"type": "string", "const": "application/json"},
        "signature": {"type": "string", "description": "Ed25519, over the value; markers and withdrawals have it."},
    },
    "required": ["ce_specversion", "ce_type", "ce_source", "ce_id"],
}


def document(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The document; payloads are the event schemas given, by type."""
    return {
        "asyncapi": VERSION,
        "id": "urn:wardpulse:topics",
        "info": {
            "title": "wardpulse",
            "version": version("wardpulse"),
            "description": "Anonymised wellbeing telemetry of hospitals: submissions in, sealed cohorts out.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {_name(spec): _channel(spec) for spec in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {name: _message(name, schema) for name, schema in sorted(schemas.items())},
            "schemas": {"cloudEventsHeaders": _HEADERS},
            "securitySchemes": {
                "scram": {"type": "scramSha512", "description": "A name and a password for each role."},
                "certificate": {"type": "X509", "description": "A certificate of the client's own."},
            },
        },
    }


def _servers() -> dict[str, Any]:
    return {
        "production": {
            "host": "{host}:{port}",
            "protocol": "kafka-secure",
            "description": "A cluster of the hospital's own; topics may have a prefix (topic_prefix).",
            "variables": {
                "host": {"default": "kafka.hospital.example", "description": "A broker's name."},
                "port": {"default": "9093", "description": "Its port for TLS."},
            },
            "security": [
                {"$ref": "#/components/securitySchemes/scram"},
                {"$ref": "#/components/securitySchemes/certificate"},
            ],
        }
    }


def _name(spec: TopicSpec) -> str:
    return spec.topic.split(".")[1]


def _channel(spec: TopicSpec) -> dict[str, Any]:
    kept = -1 if spec.retention_days is None else spec.retention_days * _DAY_MILLISECONDS
    side = "closed: it may be read by workers, coordinators and auditors alone" if spec.closed else "open to viewers"
    return {
        "address": str(spec.topic),
        "description": f"This topic is {side}.",
        "servers": [{"$ref": "#/servers/production"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(spec.events)},
        "bindings": {
            "kafka": {
                "topic": str(spec.topic),
                "partitions": PARTITIONS,
                "topicConfiguration": {"cleanup.policy": [spec.cleanup], "retention.ms": kept},
                "bindingVersion": _BINDING,
            }
        },
    }


def _message(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": schema.get("title", name),
        "summary": schema.get("description", name).splitlines()[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/cloudEventsHeaders"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": {"$ref": f"./{name}.schema.json"},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The facility: its whole story is in one partition."},
                "bindingVersion": _BINDING,
            }
        },
        "x-schema-id": schema_id(name, 1),
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the application named by a role sends and receives."""
    for role in ROLES.values():
        for spec in TOPICS:
            for action, topics in (("send", role.writes), ("receive", role.reads)):
                if spec.topic in topics:
                    yield f"{role.name}.{action}.{_name(spec)}", _operation(role, action, spec)


def _operation(role: Role, action: str, spec: TopicSpec) -> dict[str, Any]:
    channel = f"#/channels/{_name(spec)}"
    group = {"groupId": {"type": "string", "const": role.group}} if role.group and action == "receive" else {}
    return {
        "action": action,
        "title": f"{role.name}: {action} {_name(spec)}",
        "summary": role.meaning,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in sorted(spec.events)],
        **({"bindings": {"kafka": {**group, "bindingVersion": _BINDING}}} if group else {}),
    }
