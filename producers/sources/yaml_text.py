"""YAML as people write it by hand: text stays text, and a setting given twice is an error."""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.errors import InputRefused

_HALF_LETTER: Final = re.compile("[\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """Reads whole numbers and null as such and all else as text: YAML would turn NO into false and 012 into 10."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        repeated = next((key for key in counts if counts[key] > 1), None)
        if repeated is not None:
            raise yaml.MarkedYAMLError(problem=f"{repeated} is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge nothing: merges of merges grow to any size, and a setting may not come from elsewhere."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        text = super().construct_scalar(node)
        # an escape such as \ud800 gives half a letter, which cannot be written or printed
        if isinstance(text, str) and _HALF_LETTER.search(text):
            raise yaml.MarkedYAMLError(problem="an escape is no letter", problem_mark=node.start_mark)
        return text


class _PlainLoader(_Loader):
    """Refuses aliases and tags too: a few letters of them stand for content of any size, or in no order."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="an alias or a tag may not be here", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"(?:0|-?[1-9][0-9]{0,17})$"), [*"-0123456789"])


def quoted(text: str) -> str:
    """Text as a YAML value on one line, whatever it holds. Nothing in it can end a comment either."""
    dumped = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=sys.maxsize).removesuffix("\n")
    # YAML lets through what cannot be seen, such as marks that turn the direction of writing
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in dumped)


def parse_yaml(path: Path, *, plain: bool = False) -> Any:
    """The content of a YAML file; InputRefused names the line that cannot be read. A `plain` one writes all out."""
    try:
        return yaml.load(path.read_text("utf-8-sig"), _PlainLoader if plain else _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise InputRefused(f"{path}: cannot be read ({error.strerror}): correct the path") from None
    except UnicodeDecodeError:
        raise InputRefused(f"{path}: is not UTF-8 text: save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or error.context
        raise InputRefused(f"{path}: line {line}: {problem}: check colons, quotes and indentation") from None
    # what PyYAML lets through for control characters, wrong tags and endless nesting
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        raise InputRefused(f"{path}: is not YAML: check it for control characters, tags and deep nesting") from None
